import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { nonceBytes, proofBytes, prove } from '../../src/hsm/attach.ts';
import type { Hsm, MaterialRef } from '../../src/keys/hsm.ts';
import { makeTier, type Tier } from './tier.ts';

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

/** A tier of one host that is to be spoken to directly. */
export interface Target {
  readonly tier: Tier;
  readonly hsm: Hsm;
  /** The host's process: the same at the end, where nothing harmed it. */
  readonly host: number;
  /** Its socket. */
  readonly path: string;
  readonly secret: Buffer;
}

/** Starts one, with a key in its token. */
export async function startTarget(material: MaterialRef): Promise<Target> {
  const tier = makeTier({ hosts: 1 });
  await tier.start();
  const hsm = tier.connect();
  await hsm.claim('00112233445566778899aabbccddeeff');
  await hsm.generateKey(material);
  return {
    tier,
    hsm,
    host: tier.hostPid(),
    path: join(tier.socketFolder, 'host-0.sock'),
    secret: readFileSync(join(tier.socketFolder, 'attach.secret')),
  };
}
