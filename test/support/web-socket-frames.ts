export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  /** Default text. */
  opcode?: number;
  /** FIN and the reserved bits. Default FIN alone. */
  flags?: number;
  /** Default true, as a client must. The mask is zero, which leaves the payload as it is (RFC 6455 §5.3). */
  masked?: boolean;
  /** The length that the frame says it has. Default the payload's. */
  length?: number;
}

/** A client's frame (RFC 6455 §5.2), right unless told otherwise. */
export function writeFrame(payload: Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = opcodes.text, flags = 0x80, masked = true, length = payload.length } = options;
  const size = length > 0xffff ? 8 : length > 125 ? 2 : 0;
  const head = Buffer.alloc(2 + size + (masked ? 4 : 0));
  head[0] = flags | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 8 ? 127 : size === 2 ? 126 : length);
  if (size === 2) head.writeUInt16BE(length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

/** Puts a server's frames together from the chunks in which they come. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<ServerFrame> {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let frame = firstFrame(data); frame !== undefined; frame = firstFrame(data)) {
      data = data.subarray(frame.size);
      yield frame;
    }
    // A copy, so that a few bytes do not hold a whole read buffer.
    this.#rest = data.length === 0 ? Buffer.alloc(0) : Buffer.from(data);
  }
}

function firstFrame(data: Buffer): (ServerFrame & { size: number }) | undefined {
  if (data.length < 2) return undefined;
  const short = data[1]! & 0x7f;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (data.length < head) return undefined;
  const length = short === 127 ? Number(data.readBigUInt64BE(2)) : short === 126 ? data.readUInt16BE(2) : short;
  if (data.length < head + length) return undefined;
  return { opcode: data[0]! & 0x0f, payload: data.subarray(head, head + length), size: head + length };
}
