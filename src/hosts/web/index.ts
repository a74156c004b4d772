// hosts/web: the host port for browsers.
// May import: base, core. Does not belong here: the page, `node:`.
export { installWebHost } from './host.ts';
