import { describe, expect, test } from "vitest";
import { addressScope } from "../../../worker/delivery/address-scope.ts";

describe("the scope of an address", () => {
  const publicAddresses = [
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
  ];
  test.each(publicAddresses)("%s is public", (address) => {
    expect(addressScope(address)).toBe("public");
  });

  const localAddresses = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "::1",
    "fc00::1",
    "fd12:3456:789a::1",
  ];
  test.each(localAddresses)("%s is local", (address) => {
    expect(addressScope(address)).toBe("local");
  });

  const attackers = [
    ["link-local, where cloud metadata lives", "169.254.169.254"],
    ["IPv6 link-local", "fe80::1"],
    ["IPv6 link-local with a zone", "fe80::1%eth0"],
    ["unspecified", "0.0.0.0"],
    ["this network", "0.1.2.3"],
    ["IPv6 unspecified", "::"],
    ["multicast", "224.0.0.1"],
    ["IPv6 multicast", "ff02::1"],
    ["broadcast", "255.255.255.255"],
    ["reserved", "240.0.0.1"],
    ["documentation", "192.0.2.1"],
    ["benchmarking", "198.18.0.1"],
    ["IETF protocol assignments", "192.0.0.1"],
    ["IPv4-mapped loopback", "::ffff:127.0.0.1"],
    ["IPv4-mapped loopback in hexadecimal", "::ffff:7f00:1"],
    ["IPv4-mapped metadata", "::ffff:169.254.169.254"],
    ["IPv4-mapped public", "::ffff:8.8.8.8"],
    ["IPv4-compatible loopback", "::127.0.0.1"],
    ["IPv4-translated", "::ffff:0:127.0.0.1"],
    ["NAT64", "64:ff9b::7f00:1"],
    ["NAT64 with a local prefix", "64:ff9b:1::7f00:1"],
    ["6to4", "2002:7f00:1::"],
    ["Teredo", "2001:0:7f00:1::"],
    ["site-local", "fec0::1"],
    ["IPv6 documentation", "2001:db8::1"],
    ["discard prefix", "100::1"],
    ["not assigned to global unicast", "4000::1"],
    ["a name", "localhost"],
    ["empty", ""],
    ["rubbish", "127.0.0.1.evil.example"],
  ] as const;
  test.each(attackers)("[W20] %s (%s) is never a target", (_what, attacker) => {
    expect(addressScope(attacker)).toBe("forbidden");
  });
});
