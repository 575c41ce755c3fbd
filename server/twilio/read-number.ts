import { phoneNumber } from "../http/session-schemas.ts";

/**
 * What stands in `From` for a number that is withheld: a word spelt on a phone's keys. Each of them looks like an E.164
 * number and is none, and all their callers would share one caller's rate limit.
 */
const withheld: ReadonlySet<string> = new Set([
  "+266696687", // anonymous
  "+7378742833", // restricted
  "+2562533", // blocked
  "+8656696", // unknown
  "+86282452253", // unavailable
]);

/** The E.164 number in a `From` or `To`, or undefined: a withheld number, a SIP address, a client's name. */
export function readNumber(text: string | undefined): string | undefined {
  if (text === undefined || withheld.has(text)) return undefined;
  return phoneNumber.safeParse(text).data;
}
