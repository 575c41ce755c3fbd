/**
 * The two spellings of an ES256 signature. JWS has r and s side by side, 32 bytes each (RFC 7518 §3.4); OpenSSL has a DER
 * SEQUENCE of two INTEGERs (RFC 3279 §2.2.3). Node translates on request, at the price of the whole signature again
 * (docs/PERFORMANCE.md), so that is done here.
 */
const partBytes = 32;
const sequenceTag = 0x30;
const integerTag = 0x02;

/** The 64 bytes of JWS, from what `node:crypto.sign` returns. */
export function rawFromDer(der: Buffer): Buffer {
  const raw = Buffer.alloc(2 * partBytes);
  let at = 2;
  for (const end of [partBytes, 2 * partBytes]) {
    const after = at + 2 + der[at + 1]!;
    // An INTEGER has a zero in front when its first bit is set, and none of the zeros that a part may begin with.
    const from = Math.max(at + 2, after - partBytes);
    der.copy(raw, end - (after - from), from, after);
    at = after;
  }
  return raw;
}

/** What `node:crypto.verify` takes, from the 64 bytes of JWS. */
export function derFromRaw(raw: Buffer): Buffer {
  const der = Buffer.alloc(2 * partBytes + 8);
  let at = 2;
  for (const end of [partBytes, 2 * partBytes]) {
    let from = end - partBytes;
    while (from < end - 1 && raw[from] === 0) from += 1;
    const isSigned = raw[from]! >= 0x80;
    der[at] = integerTag;
    der[at + 1] = end - from + (isSigned ? 1 : 0);
    at += isSigned ? 3 : 2;
    at += raw.copy(der, at, from, end);
  }
  der[0] = sequenceTag;
  der[1] = at - 2;
  return der.subarray(0, at);
}
