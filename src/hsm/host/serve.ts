/** The host's socket: attaching, then frames, answered in their order. */
import { chmodSync, chownSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { attachMilliseconds, nonce, nonceBytes, proofBytes, prove, proves } from '../attach.ts';
import { countFrames, FrameReader, FrameWriter, requestLimit } from '../frame.ts';
import { deadlineFactor, readRequest } from '../request.ts';
import type { StartOptions } from '../start.ts';
import type { Deadline } from './deadline.ts';
import type { Performer } from './perform.ts';

/** An answer leaves at the latest after this many more. */
const flushFrames = 32;
/** No more requests are read from a client that doesn't read this much of its answers. */
const backlogBytes = 4 * 1024 * 1024;
const connectionLimit = 1_024;

export interface Serving {
  readonly options: StartOptions;
  readonly attachSecret: Buffer;
  readonly performer: Performer;
  readonly deadline: Deadline;
}

/** Listens. Resolves once it does. */
export function serve(serving: Serving): Promise<Server> {
  const { socketPath, socketMode, socketGroup } = serving.options;
  const server = createServer((socket) => attach(socket, serving));
  server.maxConnections = connectionLimit;
  // Of the host before, which was killed.
  rmSync(socketPath, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => {
      if (socketGroup !== undefined) chownSync(socketPath, process.getuid?.() ?? 0, socketGroup);
      chmodSync(socketPath, socketMode);
      resolve(server);
    });
  });
}

function attach(socket: Socket, serving: Serving): void {
  const ours = nonce();
  const timer = setTimeout(() => socket.destroy(), attachMilliseconds);
  socket.on('error', () => socket.destroy());
  socket.once('close', () => clearTimeout(timer));
  socket.write(ours);
  let received = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < nonceBytes + proofBytes) return;
    clearTimeout(timer);
    socket.off('data', onData);
    const theirs = received.subarray(0, nonceBytes);
    const proof = received.subarray(nonceBytes);
    // A client sends no frame before it has our proof: more bytes than these are as wrong as others.
    if (!proves(proof, serving.attachSecret, 'client', ours, theirs)) {
      socket.destroy();
      return;
    }
    socket.write(prove(serving.attachSecret, 'host', theirs, ours));
    answer(socket, serving);
  };
  socket.on('data', onData);
}

function answer(socket: Socket, { performer, deadline }: Serving): void {
  const writer = new FrameWriter();
  let gathered = 0;
  const reader = new FrameReader(requestLimit, (code, id, buffer, start, end) => {
    const request = readRequest(code, buffer, start, end);
    if (request === undefined) return false;
    deadline.begin(deadlineFactor(request));
    performer.perform(request, id, writer);
    deadline.end();
    if (++gathered >= flushFrames) {
      gathered = 0;
      writer.flush(socket);
    }
    return true;
  });
  socket.once('close', () => {
    reader.close();
    writer.clear();
  });
  socket.on('data', (chunk: Buffer) => {
    performer.entropy.begin(countFrames(chunk, 64));
    const fine = reader.push(chunk);
    performer.entropy.end();
    chunk.fill(0);
    gathered = 0;
    if (!fine) {
      writer.clear();
      socket.destroy();
      return;
    }
    writer.flush(socket);
    if (socket.writableLength > backlogBytes) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  });
}
