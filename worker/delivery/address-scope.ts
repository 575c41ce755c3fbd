import ipaddr from "ipaddr.js";

/** IPv6 global unicast (RFC 4291 §2.4): what lies outside it is not routed on the internet, whatever its name. */
const globalUnicast = ipaddr.IPv6.parse("2000::");
const localRanges: readonly string[] = ["loopback", "private", "uniqueLocal", "carrierGradeNat"];

/**
 * Says where an IP address leads: `public` is the internet, `local` is this machine or its private network, and
 * `forbidden` is never a target: link-local (cloud metadata lives there), multicast, unspecified, reserved, and every
 * form that carries another address inside it (IPv4-mapped, NAT64, 6to4, Teredo), because what is inside is not checked
 * by the route. Anything that is not an address is `forbidden` too.
 */
export function addressScope(address: string): "public" | "local" | "forbidden" {
  if (!ipaddr.isValid(address)) return "forbidden";
  const parsed = ipaddr.parse(address);
  const range: string = parsed.range();
  if (localRanges.includes(range)) return "local";
  if (range !== "unicast") return "forbidden";
  const routed = parsed.kind() === "ipv4" || (parsed as ipaddr.IPv6).match(globalUnicast, 3);
  return routed ? "public" : "forbidden";
}
