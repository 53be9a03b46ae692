/** An IPv4 address as one number, an IPv6 address as four, 32 bits each. */
export type Address = readonly [number] | readonly [number, number, number, number];

/** A block of addresses (RFC 4632, RFC 4291 §2.3). */
export interface Block {
  readonly network: Address;
  /** Bits that count. */
  readonly prefix: number;
}

/** @returns `undefined` where the text is no address. An IPv4 address mapped into IPv6 is the IPv4 address. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** An address without a prefix is the block of itself alone. */
export function parseBlock(text: string): Block | undefined {
  const slash = text.indexOf('/');
  const network = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (network === undefined) return undefined;
  const bits = network.length * 32;
  if (slash === -1) return { network, prefix: bits };
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
  // a block written as IPv4 in IPv6 has the 96 bits of the mapping in front
  const mapped = network.length === 1 && text.includes(':') ? 96 : 0;
  const prefix = Number(digits) - mapped;
  return prefix < 0 || prefix > bits ? undefined : { network, prefix };
}

export function isInBlock(address: Address, { network, prefix }: Block): boolean {
  if (address.length !== network.length) return false;
  for (let word = 0; word < network.length; word++) {
    const bits = Math.min(32, prefix - word * 32);
    if (bits <= 0) break;
    const differs = (address[word] ?? 0) ^ (network[word] ?? 0);
    if (differs >>> (32 - bits) !== 0) return false;
  }
  return true;
}

function parseV4(text: string): readonly [number] | undefined {
  let address = 0;
  let octet = -1;
  let octets = 1;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x2e) {
      if (octet === -1 || octets === 4) return undefined;
      address = (address << 8) | octet;
      octet = -1;
      octets++;
      continue;
    }
    // a leading zero would be octal to some
    if (unit < 0x30 || unit > 0x39 || octet === 0) return undefined;
    octet = (octet === -1 ? 0 : octet * 10) + unit - 0x30;
    if (octet > 255) return undefined;
  }
  return octets === 4 && octet !== -1 ? [(address << 8) | octet] : undefined;
}

function parseV6(text: string): Address | undefined {
  const gap = text.indexOf('::');
  const head = groups(gap === -1 ? text : text.slice(0, gap));
  const tail = gap === -1 ? [] : groups(text.slice(gap + 2));
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (gap === -1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<number>(missing).fill(0), ...tail];
  const word = (at: number) => ((all[at] ?? 0) << 16) | (all[at + 1] ?? 0);
  const address = [word(0), word(2), word(4), word(6)] as const;
  return address[0] === 0 && address[1] === 0 && address[2] === 0xffff ? [address[3]] : address;
}

/** The 16-bit groups of a part of an IPv6 address; the last may be an IPv4 address (RFC 4291 §2.2). */
function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const numbers: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const [v4] = parseV4(part) ?? [];
      if (v4 === undefined || index !== parts.length - 1) return undefined;
      numbers.push(v4 >>> 16, v4 & 0xffff);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return undefined;
      numbers.push(Number.parseInt(part, 16));
    }
  }
  return numbers.length > 8 ? undefined : numbers;
}
