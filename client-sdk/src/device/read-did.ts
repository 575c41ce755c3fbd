import { CallsealSdkError } from "../errors.ts";
import { hasValidCheckDigit } from "./check-digit.ts";

/**
 * The digits of what a person typed: spaces and hyphens are dropped, full-width digits are read as digits.
 *
 * Errors: `invalid_argument` when it is not 4 to 12 digits, `bad_check_digit` when check digits are on and this one is wrong.
 */
export function readDid(typed: string, checkDigits: boolean): string {
  if (typeof typed !== "string" || typed.length > 64) throw notDigits();
  const digits = typed.normalize("NFKC").replace(/[\s\p{Dash_Punctuation}]/gu, "");
  if (!/^[0-9]{4,12}$/.test(digits)) throw notDigits();
  if (checkDigits && !hasValidCheckDigit(digits))
    throw new CallsealSdkError("bad_check_digit", { detail: "the code was mistyped" });
  return digits;
}

function notDigits(): CallsealSdkError {
  return new CallsealSdkError("invalid_argument", { detail: "a code is 4 to 12 digits" });
}
