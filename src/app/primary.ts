import { createServer } from 'node:net';
import pino from 'pino';
import { containsEvents } from '../audit/read.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { destroyDueKeys } from '../jobs/destroy.ts';
import { DueTime } from '../jobs/due.ts';
import { abandonUnfinished, compare } from '../jobs/reconcile.ts';
import { createMetrics } from '../metrics/registry.ts';
import { operationNames } from '../operations/names.ts';
import { openStoreWriter } from '../store/sqlite/open.ts';
import { Node } from './node.ts';
import { Outbox } from './outbox.ts';
import { requireToken } from './ownership.ts';
import { connectToken, openStream } from './parts.ts';
import { startTokenTier } from './token-tier.ts';

const slot = 'primary';
const destroyEveryMilliseconds = 60_000;
/** A key still `Creating` after this long has nobody who makes it: longer than any deadline on the way. */
const creationMilliseconds = 300_000;
const closeMilliseconds = 15_000;

/**
 * The node: token tier (in development), store, jobs and API workers.
 * @returns when the service has been asked to end and has ended
 * @throws Error with what to do, where it can't start
 */
export async function runPrimary(config: Config, configFile: string): Promise<void> {
  const log = pino({ level: config.log.level, base: { process: slot } }, pino.destination(2));
  const clock = systemClock;
  let end: (error?: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  ended.catch(() => undefined);
  process.on('SIGINT', () => end());
  process.on('SIGTERM', () => end());
  process.on('SIGHUP', () => node?.reload());

  /** What has been opened, closed in the opposite order. */
  const opened: (() => Promise<void>)[] = [];
  let node: Node | undefined;
  try {
    const port = await claimPort(config.listen);
    const store = await openStoreWriter(config.store.file, clock);
    opened.push(() => store.close());
    if (config.token.start) {
      const tier = await startTokenTier(configFile, log, end);
      opened.push(() => tier.stop());
    }
    const hsm = connectToken(config, log);
    opened.push(() => hsm.close());
    await requireToken({ storeId: store.storeId, ...(await store.count()) }, hsm);

    const metrics = createMetrics(operationNames);
    const trail = await openStream(config, slot, { hsm, metrics, clock, log });
    opened.push(() => trail.close());
    const outbox = new Outbox(store, trail, log);
    await outbox.recover((ids, since) => containsEvents(config.trail.folder, slot, ids, since));
    opened.push(() => outbox.close());

    const running = new Node({ store, trail, outbox, metrics, clock, log });
    node = running;
    const taken = await abandonUnfinished(await store.unfinishedCreations(), running, hsm);
    if (taken > 0) log.warn({ keys: taken }, 'took back keys that were being made when the service died');
    const difference = await compare(store, hsm);
    if (difference.unexplained.length > 0) {
      log.error({ objects: difference.unexplained }, 'the token has objects that the store does not know');
    }
    if (difference.lost.length > 0) {
      log.fatal(
        { materials: difference.lost },
        'the token has lost keys that the store knows: restore the token from its backup',
      );
    }

    opened.push(() => running.close(closeMilliseconds));
    const url = await running.start(config.workers, port);

    const due = new DueTime(clock);
    const destroy = async () => {
      try {
        const old = (await store.unfinishedCreations()).filter(
          ({ createdAt }) => clock.now() - createdAt > creationMilliseconds,
        );
        await abandonUnfinished(old, running, hsm);
        const { destroyed, held } = await destroyDueKeys({ store, changes: running, hsm, clock, due });
        if (destroyed > 0) log.info({ keys: destroyed }, 'destroyed keys whose waiting period has ended');
        if (held > 0)
          log.warn({ keys: held }, 'keys came due while the service was down: they are held for an hour');
      } catch (cause) {
        log.error({ err: cause }, 'the deletion job failed: it tries again');
      }
    };
    let job = destroy();
    const timer = setInterval(() => {
      job = job.then(destroy);
    }, destroyEveryMilliseconds);
    opened.push(async () => {
      clearInterval(timer);
      await job;
    });

    process.stdout.write(`coffer: serving on ${url}\n`);
    await ended;
    process.stdout.write('coffer: ending, what is in flight is answered\n');
  } finally {
    for (const close of opened.reverse()) await close();
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
