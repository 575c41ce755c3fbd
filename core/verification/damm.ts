/**
 * The totally anti-symmetric quasigroup of order 10 of H. M. Damm, "Total anti-symmetrische Quasigruppen"
 * (dissertation, Marburg 2004). Row: the interim digit; column: the next digit of the code.
 */
const quasigroup = [
  "0317598642",
  "7092154863",
  "4206871359",
  "1750983426",
  "6123045978",
  "3674209581",
  "5869720134",
  "8945362017",
  "9438617205",
  "2581436790",
] as const;

/**
 * The Damm check digit of a string of ASCII digits. It catches every single wrong digit and every swap of two
 * neighbours, the two ways in which people mistype a code that they hear.
 */
export function dammCheckDigit(digits: string): string {
  let interim = 0;
  for (const digit of digits) interim = Number(quasigroup[interim]?.[Number(digit)]);
  return String(interim);
}
