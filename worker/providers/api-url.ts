const visibleAscii = /^[\x21-\x7e]{1,128}$/;
const dotSegment = /^\.{1,2}$/;
const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * A call id as one path segment, or undefined when it cannot be one: a tenant's flow chooses it, and the request carries
 * the tenant's credentials, so that `../` must not reach another resource of the provider.
 */
export function callIdSegment(callId: string): string | undefined {
  return visibleAscii.test(callId) && !dotSegment.test(callId) ? encodeURIComponent(callId) : undefined;
}

/** The URL of `path` (which starts with a slash and is already encoded) below a configured base URL. */
export function apiUrl(baseUrl: string, path: string): URL {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
  return url;
}

/** Whether credentials may be sent there: `https:`, or `http:` on this machine, or anywhere when the tenant allows it. */
export function mayCarryCredentials(baseUrl: string, allowInsecureTargets: boolean): boolean {
  const url = new URL(baseUrl);
  return url.protocol === "https:" || allowInsecureTargets || loopbackHost.test(url.hostname);
}
