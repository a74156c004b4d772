// A capacity model: from clients and messages to servers, cores and memory, with what docs/performance.md
// measured on Node 24. Everything that it does not know is left out and named in the guide.

/** Microseconds of CPU, user and system, and KiB. */
export const measured = {
  /** A message that comes, and one that goes: the echo of 1,000 bytes. */
  exchange: 4.2 + 6.5,
  /** A connection from its connect to its end, without TLS. */
  connection: 19.8 + 20.9,
  /** A request over HTTP, answered by a Hono app. */
  request: 8.1 + 12.2,
  /** A connection that says nothing, in the process. */
  idle: 4.7,
};

/**
 * @param clients that are connected at once
 * @param messages that a client sends in a second
 * @param fanOut clients that each message goes to
 * @param stay seconds that a client stays connected on average
 * @param greeting ms of a core to greet one: TLS, login, what it has missed
 * @param state KiB that the program keeps for a client
 * @param cores of a server
 * @param busy the share of a core that may be busy, so that queues stay short
 * @param outage the share of the servers that can fail at once
 * @param back seconds in which their clients are to be back
 */
export function capacity({
  clients = 10_000_000,
  messages = 0.1,
  fanOut = 1,
  stay = 1800,
  greeting = 3,
  state = 4,
  cores = 4,
  busy = 0.6,
  outage = 0.1,
  back = 60,
} = {}) {
  const talk = (clients * messages * (1 + fanOut) * measured.exchange) / 2 / 1e6; // cores: half an exchange each way
  const come = (clients / stay) * (greeting / 1e3 + measured.connection / 1e6);
  const recover = ((clients * outage) / back) * (greeting / 1e3 + measured.connection / 1e6);
  const cpu = Math.ceil((talk + Math.max(come, recover)) / (cores * busy));
  const servers = Math.ceil(cpu / (1 - outage));
  const memory = (clients * (measured.idle + state)) / 1024 / 1024; // GiB
  return {
    talk,
    come,
    recover,
    servers,
    perServer: Math.ceil(clients / servers),
    memory,
    memoryPerServer: memory / (servers * (1 - outage)),
  };
}
