import { z } from "zod";

/**
 * Text of a number of characters, as code points. A lone surrogate and NUL are refused: what stores, logs and webhooks
 * make of them differs (RFC 7493 §2.1).
 */
export function textOf(least: number, most: number) {
  return z
    .string()
    .refine((text) => text.isWellFormed() && !text.includes("\u0000"), "has a character that is none")
    .refine((text) => hasLength(text, least, most), `is not ${least} to ${most} characters long`)
    .meta({ minLength: least, maxLength: most });
}

function hasLength(text: string, least: number, most: number): boolean {
  if (text.length > 2 * most) return false;
  const { length } = [...text];
  return length >= least && length <= most;
}
