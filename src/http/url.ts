// The URL of a request, from its scheme, host and target.
import { RequestError } from './request-error.ts';
import type { HttpRequestInfo } from './request-info.ts';

/** Hosts and paths that a URL would not change. Others are parsed. */
const PLAIN_HOST = /^[a-z0-9.-]+(?::\d{1,5})?$/;
const PLAIN_TARGET = /^\/[\w\-.~!$&'()*+,;=:@/%?]*$/;
const DOTS = /\/\.{1,2}(?:[/?]|$)/;
/** What may not stand in a host, though a URL would take it for the beginning of something else. */
const NO_HOST = /[\s/?#@\\]/;

/** @throws RequestError (400) when the parts make no URL */
export function urlOf(info: HttpRequestInfo): string {
  const { target, scheme, host } = info;
  if (PLAIN_TARGET.test(target) && PLAIN_HOST.test(host) && !DOTS.test(target) && !hasDefaultPort(host, scheme))
    return `${scheme}://${host}${target}`;
  return parsedUrl(target, scheme, host);
}

function hasDefaultPort(host: string, scheme: string): boolean {
  return scheme === 'http' ? host.endsWith(':80') : host.endsWith(':443');
}

function parsedUrl(target: string, scheme: string, host: string): string {
  try {
    // A proxy is asked with a whole URL.
    if (/^https?:\/\//i.test(target)) return new URL(target).href;
    if (host === '' || NO_HOST.test(host)) throw new Error(`the host ${JSON.stringify(host)}`);
    const origin = `${scheme}://${host}`;
    return target.startsWith('/')
      ? new URL(origin + target).href
      : new URL(target === '*' ? '/*' : target, origin).href;
  } catch (error) {
    throw new RequestError('Cannot read the request: its host and target make no URL', { status: 400, cause: error });
  }
}
