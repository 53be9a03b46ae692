/** A host that misbehaves as it is told: a real one can't be made to. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { nonce, nonceBytes, proofBytes, prove, proves } from '../../src/hsm/attach.ts';
import { connectHsm } from '../../src/hsm/client.ts';
import { attachSecretFile, socketFile } from '../../src/hsm/folder.ts';
import type { Hsm } from '../../src/keys/hsm.ts';

export interface Frame {
  readonly code: number;
  readonly id: number;
  readonly body: Buffer;
}

/** Does what the test wants with each frame that arrives. */
export type OnFrame = (frame: Frame, socket: Socket) => void;

const secret = Buffer.alloc(32, 7);

export class Hosts {
  readonly folder = mkdtempSync(join(tmpdir(), 'coffer-client-'));
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #clients: Hsm[] = [];

  constructor() {
    writeFileSync(join(this.folder, attachSecretFile), secret, { mode: 0o600 });
  }

  /** Listens as one host. @param knows the secret it proves with */
  listen(index: number, onFrame: OnFrame, knows: Buffer = secret): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
      attach(socket, knows, onFrame);
    });
    this.#servers.push(server);
    return new Promise((resolve) => server.listen(socketFile(this.folder, index), resolve));
  }

  connect(hosts: number, deadlineMilliseconds = 5_000): Hsm {
    const log = pino({ level: 'silent' });
    const hsm = connectHsm({ socketFolder: this.folder, hosts, deadlineMilliseconds, log });
    this.#clients.push(hsm);
    return hsm;
  }

  /** Ends every connection, as a host does that is killed. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    this.hangUp();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function attach(socket: Socket, knows: Buffer, onFrame: OnFrame): void {
  const ours = nonce();
  let received = Buffer.alloc(0);
  let attached = false;
  socket.write(ours);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (!attached) {
      if (received.length < nonceBytes + proofBytes) return;
      const theirs = received.subarray(0, nonceBytes);
      if (!proves(received.subarray(nonceBytes, nonceBytes + proofBytes), secret, 'client', ours, theirs)) {
        socket.destroy();
        return;
      }
      socket.write(prove(knows, 'host', theirs, ours));
      received = received.subarray(nonceBytes + proofBytes);
      attached = true;
    }
    while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
      const end = 4 + received.readUInt32BE(0);
      onFrame(
        {
          code: received[4] ?? 0,
          id: received.readUIntBE(5, 6),
          body: Buffer.from(received.subarray(11, end)),
        },
        socket,
      );
      received = received.subarray(end);
    }
  });
}

export function answer(code: number, id: number, body: Buffer): Buffer {
  const header = Buffer.alloc(11);
  header.writeUInt32BE(7 + body.length);
  header[4] = code;
  header.writeUIntBE(id, 5, 6);
  return Buffer.concat([header, body]);
}
