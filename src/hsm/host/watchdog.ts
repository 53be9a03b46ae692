/**
 * A thread of the host that ends the process when a PKCS#11 call is past its deadline: nothing in the process
 * can cancel a call that hangs, and terminating a thread or exiting waits for it. The thread also sends the
 * supervisor a heartbeat, so that a process that was stopped as a whole is noticed too.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { callCell, limitCell } from './deadline.ts';

const {
  cells,
  pipe,
  heartbeatMilliseconds,
}: { cells: Int32Array; pipe: number; heartbeatMilliseconds: number } = workerData;

const tickMilliseconds = 25;
let seen = 0;
let since = 0;
let lastBeat = Number.NEGATIVE_INFINITY;

function tell(message: object): void {
  try {
    writeSync(pipe, `${JSON.stringify(message)}\n`);
  } catch {
    // The supervisor is gone, and a host must not outlive it.
    process.kill(process.pid, 'SIGKILL');
  }
}

setInterval(() => {
  const now = performance.now();
  if (now - lastBeat >= heartbeatMilliseconds) {
    lastBeat = now;
    tell({ type: 'heartbeat' });
  }
  const call = Atomics.load(cells, callCell);
  if (call === 0 || call !== seen) {
    seen = call;
    since = now;
    return;
  }
  const limit = Atomics.load(cells, limitCell);
  if (now - since < limit) return;
  tell({ type: 'deadline', milliseconds: Math.round(now - since) });
  process.kill(process.pid, 'SIGKILL');
}, tickMilliseconds);

parentPort?.postMessage('watching');
