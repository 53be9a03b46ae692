import { createServer } from 'node:net';
import pino from 'pino';
import { containsEvents } from '../audit/read.ts';
import type { TrailWriter } from '../audit/writer.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { createMetrics } from '../metrics/registry.ts';
import { metricNames } from '../operations/table.ts';
import { openStoreWriter } from '../store/sqlite/open.ts';
import { requireSafe } from '../wire/server.ts';
import { Chores } from './chores.ts';
import { openControl } from './control.ts';
import { Node } from './node.ts';
import { Outbox } from './outbox.ts';
import { requireToken } from './ownership.ts';
import { connectToken, headOf, openStream } from './parts.ts';
import { reconcileFor } from './reconcile.ts';
import { observeToken } from './token-metrics.ts';
import { startTokenTier } from './token-tier.ts';
import { TrailKeeper } from './trail-keeper.ts';

const slot = 'primary';
const closeMilliseconds = 15_000;

/**
 * The node: token tier (in development), store, jobs and API workers.
 * @returns when the service has been asked to end and has ended
 * @throws Error with what to do, where it can't start
 */
export async function runPrimary(config: Config, configFile: string): Promise<void> {
  const log = pino({ level: config.log.level, base: { process: slot } }, pino.destination(2));
  const clock = systemClock;
  /** What has been opened, closed in the opposite order. */
  const opened: (() => Promise<void>)[] = [];
  let node: Node | undefined;
  let asked = false;
  let end: (error?: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => {
      asked = true;
      if (error === undefined) resolve();
      else reject(error);
    };
  });
  ended.catch(() => undefined);
  process.on('SIGINT', () => end());
  process.on('SIGTERM', () => end());
  process.on('SIGHUP', () => node?.reload());
  // Whoever read this may be gone before the service is.
  process.stdout.on('error', () => undefined);
  // Started by a process that is gone: nobody is left to end it.
  process.on('disconnect', () => end());

  try {
    const starting = start();
    starting.catch(() => undefined);
    const url = await Promise.race([starting, ended]);
    if (url === undefined) return;
    process.stdout.write(`coffer: serving on ${url}\n`);
    await ended;
    process.stdout.write('coffer: ending, what is in flight is answered\n');
  } catch (cause) {
    // What fails because the end was asked for meanwhile is no failure.
    if (!asked) throw cause;
    await ended;
  } finally {
    for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close();
  }

  async function start(): Promise<string> {
    requireSafe(config.listen);
    const port = await claimPort(config.listen);
    const store = await openStoreWriter(config.store.file, clock);
    opened.push(() => store.close());
    if (store.uncounted > 0) {
      log.warn(
        { encryptions: store.uncounted },
        'the store was restored from a backup: what has been encrypted since is counted for every key',
      );
    }
    if (config.token.start) {
      const tier = await startTokenTier(configFile, log, end);
      opened.push(() => tier.stop());
    }
    const metrics = createMetrics(metricNames);
    const hsm = observeToken(connectToken(config, log), metrics);
    opened.push(() => hsm.close());
    await requireToken({ storeId: store.storeId, ...(await store.count()) }, hsm);

    let own: TrailWriter | undefined;
    const keeper = new TrailKeeper(config.trail, {
      storeId: store.storeId,
      hsm,
      heads: async () => {
        const heads = new Map(await node?.heads());
        return own === undefined ? heads : heads.set(slot, headOf(slot, own));
      },
      metrics,
      clock,
      log,
    });
    opened.push(() => keeper.close());
    const onRotated = () => keeper.rotated();
    const trail = await openStream(config, slot, { hsm, metrics, clock, log, onRotated });
    own = trail;
    opened.push(async () => {
      await trail.close();
      own = undefined;
    });
    const outbox = new Outbox(
      store,
      trail,
      (ids, since) => containsEvents(config.trail.folder, slot, ids, since),
      log,
    );
    opened.push(() => outbox.close());
    await outbox.drain();

    const running = new Node({ store, trail, outbox, metrics, clock, log, onRotated });
    node = running;
    opened.push(() => running.close(closeMilliseconds));
    const chores = new Chores({ store, changes: running, hsm, clock, log, metrics });
    await chores.clearUp();
    opened.push(() => chores.stop());
    const url = await running.start(config.workers, port);
    try {
      const parts = { store, changes: running, hsm, clock, alone: false, region: config.region };
      const control = await openControl(
        config.store.file,
        running,
        (request) => reconcileFor(parts, request),
        log,
      );
      opened.push(() => control.close());
    } catch (cause) {
      log.warn(
        { err: cause },
        '`coffer account`, `coffer admin` and `coffer keys` can not reach this service: stop it for them',
      );
    }
    chores.start();
    keeper.start();
    return url;
  }
}

/**
 * The port for the workers, who share it: the one that is asked for, if nobody else has it, or any that is free.
 * @throws Error where it is taken: sharing it with strangers would answer some requests and lose others
 */
function claimPort({ host, port }: Config['listen']): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) =>
      reject(new Error(`can't listen on \`${host}\` port \`${port}\`: ${cause.message}`, { cause })),
    );
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
