// The job of the benchmarks of executors, for pools that call the default export of a module.
export default function nothing(value) {
  return value;
}
