/** The digits of a code as text that is read one by one: `123456` becomes `1 2 3 4 5 6`. */
export function spacedDigits(code: string): string {
  return [...code].join(" ");
}

/** The digits with a pause after each, for voices that read plain text only: `1, 2, 3, 4, 5, 6`. */
export function pausedDigits(code: string): string {
  return [...code].join(", ");
}

/**
 * A code in the groups in which it is spoken, so that a long one can be kept in mind: up to 6 digits are one group,
 * 7 are 3+4, 8 are 4+4, 9 are 3+3+3 and 10 are 3+3+4.
 */
export function groupDigits(code: string): string[] {
  if (code.length <= 6) return [code];
  const groups = code.length < 9 ? 2 : 3;
  const least = Math.floor(code.length / groups);
  const longer = code.length % groups;
  return Array.from({ length: groups }, (_, index) => {
    const start = index * least + Math.max(0, index - (groups - longer));
    return code.slice(start, start + least + (index >= groups - longer ? 1 : 0));
  });
}
