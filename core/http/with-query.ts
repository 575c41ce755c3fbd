/** Adds parameters to a URL and leaves the rest as it stands: its own query, and its fragment (connection overrides). */
export function withQuery(address: string, parameters: Record<string, string | undefined>): string {
  const url = new URL(address);
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const added = new URLSearchParams(given).toString();
  if (added !== "") url.search = url.search.length > 1 ? `${url.search}&${added}` : added;
  return url.href;
}
