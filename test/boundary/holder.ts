/** Holds a secret in the form it is told to, as a leak would: the search must find it. */
const held: unknown[] = [];

process.on('message', ({ inverted, encoding }: { inverted: string; encoding: BufferEncoding }) => {
  // Inverted on the way, so that it is not the message that is found.
  const bytes = Buffer.from(Buffer.from(inverted, 'hex').map((byte) => byte ^ 0xff));
  held.push(
    encoding === 'utf16le' ? Buffer.from(bytes.toString('latin1'), 'utf16le') : bytes.toString(encoding),
  );
  process.send?.(`holding ${held.length}`);
});
process.send?.('ready');
