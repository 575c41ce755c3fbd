/** The longest TwiML that Twilio takes in a call update, in characters; more is its error 32018. */
export const mostInlineCharacters = 4000;

/** Whether a document can be sent with a call update instead of being fetched by Twilio. */
export function fitsInline(twiml: string): boolean {
  return twiml.length <= mostInlineCharacters;
}
