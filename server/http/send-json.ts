import type { Response } from "express";

/**
 * Answers with a JSON document. Express' own `json` looks at settings, character sets and freshness first, which no
 * answer of the session API needs: that costs as much as the answer.
 */
export function sendJson(response: Response, document: object): void {
  // As text: Node then writes head and body as one.
  const body = JSON.stringify(document);
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}
