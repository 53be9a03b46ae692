import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { nonceBytes, proofBytes, prove } from '../../src/hsm/attach.ts';

/** A connection that keeps what it got. */
export class Wire {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  readonly closed: Promise<unknown>;

  constructor(path: string) {
    this.socket = connect(path);
    // A test that fails leaves it open: the test run must end all the same.
    this.socket.unref();
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.closed = once(this.socket, 'close');
  }

  /** Resolves with the first `size` bytes that come, or with fewer where the connection closes before. */
  async take(size: number): Promise<Buffer> {
    while (this.received.length < size && !this.socket.destroyed) {
      await Promise.race([once(this.socket, 'data'), this.closed]);
    }
    const taken = this.received.subarray(0, size);
    this.received = this.received.subarray(size);
    return taken;
  }

  /** Attaches as a client does. */
  async attach(secret: Buffer): Promise<void> {
    const theirs = await this.take(nonceBytes);
    const ours = randomBytes(nonceBytes);
    this.socket.write(Buffer.concat([ours, prove(secret, 'client', theirs, ours)]));
    expect(await this.take(proofBytes)).to.deep.equal(prove(secret, 'host', ours, theirs));
  }
}

/** A frame as hsm/frame.ts describes it, around any body. */
export function frame(code: number, id: number, body: Buffer): Buffer {
  const header = Buffer.alloc(11);
  header.writeUInt32BE(7 + body.length);
  header[4] = code;
  header.writeUIntBE(id, 5, 6);
  return Buffer.concat([header, body]);
}
