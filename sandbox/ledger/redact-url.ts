/** The URL with the value of its `receipt` parameter and its user-info password taken out: the ledger never holds either. */
export function redactUrl(url: string): string {
  return url.replace(/([?&]receipt=)[^&#]*/gi, "$1…").replace(/^([a-z]+:\/\/[^/?#@]*?):[^/?#@]*@/i, "$1:…@");
}
