import { Agent, type Dispatcher, request } from "undici";

export interface HttpAnswer {
  status: number;
  /** When the answer's head was there, by `performance.now()`. */
  at: number;
  body: Record<string, unknown>;
}

export interface HttpRequest {
  method: "GET" | "POST";
  url: string;
  /** The whole header's value. */
  authorization?: string;
  json?: unknown;
  form?: Record<string, string>;
}

/** Keep-alive connections, as many as there are requests under way, each with one request at a time. */
export class HttpClient {
  readonly #dispatcher: Dispatcher = new Agent({ pipelining: 1, headersTimeout: 120_000, bodyTimeout: 120_000 });

  /** Rejects when the status is none of 2xx, so that no figure is made of refusals. */
  async send({ method, url, authorization, json, form }: HttpRequest): Promise<HttpAnswer> {
    const body = form === undefined ? JSON.stringify(json) : new URLSearchParams(form).toString();
    const response = await request(url, {
      method,
      dispatcher: this.#dispatcher,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const at = performance.now();
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${method} ${url} answered ${response.statusCode} ${text}`);
    return { status: response.statusCode, at, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }
}
