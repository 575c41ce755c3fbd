import type { Response } from "express";

/** An error of the REST API, as Twilio spells it. */
export class TwilioError extends Error {
  readonly httpStatus: number;
  readonly code: number;

  constructor(httpStatus: number, code: number, message: string) {
    super(message);
    this.name = "TwilioError";
    this.httpStatus = httpStatus;
    this.code = code;
  }
}

/** `{ code, message, more_info, status }`: https://www.twilio.com/docs/usage/twilios-response#exceptions */
export function sendTwilioError(response: Response, error: TwilioError): void {
  const { httpStatus, code, message } = error;
  response.locals["twilioCode"] = code;
  if (httpStatus === 401) response.set("WWW-Authenticate", 'Basic realm="Twilio API"');
  response
    .status(httpStatus)
    .json({ code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status: httpStatus });
}

export const authenticationError = () => new TwilioError(401, 20003, "Authenticate");
export const serverError = () => new TwilioError(500, 20500, "An internal server error has occurred");
export const tooManyRequests = () => new TwilioError(429, 20429, "Too Many Requests");
export const notInProgress = () => new TwilioError(400, 21220, "Call is not in-progress. Cannot redirect.");

/** https://www.twilio.com/docs/api/errors/20404 */
export function notFound(path: string): TwilioError {
  return new TwilioError(404, 20404, `The requested resource ${path} was not found`);
}
