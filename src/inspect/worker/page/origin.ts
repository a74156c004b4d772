// Where a request comes from. The page server listens on this machine, and so every page of every
// site that a browser on it shows can send requests there. Three checks, none of which is enough:
//
// - Host. A site can let its own name point to 127.0.0.1 (DNS rebinding); then it is of the same
//   origin for the browser, and Host has its name. Accepted are addresses, localhost, and the name
//   that the server was told to listen on.
// - Origin, where it is sent, must be that of Host.
// - Sec-Fetch-Site, where it is sent, must say that the request is of the page itself or of nobody
//   (an address that was typed or opened by another program).
import type { IncomingHttpHeaders } from 'node:http';

/** Returns why a request is refused; undefined if it is not. @param name the host of the options */
export function refusalOf({ host, origin, ...headers }: IncomingHttpHeaders, name: string): string | undefined {
  if (host === undefined || !isOwnHost(host, name)) return 'Host must be the address of the page';
  if (origin !== undefined && origin !== `http://${host}`) return 'Origin must be the address of the page';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'requests of other sites are refused';
  return undefined;
}

/** True for an address, for localhost, and for the name, each with any port: ports are forwarded. */
function isOwnHost(host: string, name: string): boolean {
  const [, named = ''] = /^(.*?)(?::\d{1,5})?$/.exec(host) ?? [];
  return (
    /^\[[\da-fA-F:.]+\]$/.test(named) ||
    /^\d{1,3}(?:\.\d{1,3}){3}$/.test(named) ||
    named.toLowerCase() === 'localhost' ||
    named.toLowerCase() === name.toLowerCase()
  );
}
