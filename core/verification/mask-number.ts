const e164 = /^\+[1-9][0-9]{7,14}$/;

/**
 * A phone number as it may be logged, shown and sent in events: `+14155550000` becomes `+1********00`.
 *
 * Of an E.164 number with at least 8 digits the first two characters and the last two digits stay, and every
 * character between them is a `*`. Anything else (shorter, spaces, letters, a SIP address, `anonymous`) becomes
 * `****`, so that an odd spelling never lets more through than a plain one. `undefined` stays `undefined`.
 */
export function maskNumber(number: string): string;
export function maskNumber(number: string | undefined): string | undefined;
export function maskNumber(number: string | undefined): string | undefined {
  if (number === undefined) return undefined;
  if (!e164.test(number)) return "****";
  return number.slice(0, 2) + "*".repeat(number.length - 4) + number.slice(-2);
}
