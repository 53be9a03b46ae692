/** Reading a private key in DER without copying it: what is copied must be zeroed, and strings can't be. */

/**
 * The contents of a SEQUENCE's elements, as views.
 * @param der one SEQUENCE @throws RangeError where it is none
 */
export function elements(der: Buffer): Buffer[] {
  const { content, end } = element(der, 0);
  if (der[0] !== 0x30 || end !== der.length) throw new RangeError('not a SEQUENCE');
  const found: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const next = element(content, at);
    found.push(next.content);
    at = next.end;
  }
  return found;
}

/** The content of the element at the offset, and where it ends. */
export function element(der: Buffer, at: number): { readonly content: Buffer; readonly end: number } {
  const first = der[at + 1];
  if (first === undefined) throw new RangeError('cut off');
  const sized = first < 0x80 ? 0 : first & 0x7f;
  if (sized > 3) throw new RangeError('too long');
  const length = sized === 0 ? first : der.readUIntBE(at + 2, sized);
  const start = at + 2 + sized;
  const end = start + length;
  if (end > der.length) throw new RangeError('cut off');
  return { content: der.subarray(start, end), end };
}
