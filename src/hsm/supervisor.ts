/** The token tier: makes the folder, starts the hosts and starts them again, and ends when they must not go on. */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { TokenConfig } from '../config.ts';
import { secretBytes } from './attach.ts';
import { type Access, prepareFolder, socketFile, writeAttachSecret } from './folder.ts';
import { Host } from './host.ts';
import { lockFolder } from './lock.ts';
import { pinSource } from './pin.ts';
import { Turns } from './turn.ts';

const checkMilliseconds = 500;

/** What ends the tier: the operator must change something first. */
export class TierError extends Error {
  override readonly name = 'TierError';
  /** What the process ends with: whether it may be started again as it is. */
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface Supervisor {
  /** Resolves when every host serves; rejects with a TierError. */
  readonly ready: Promise<void>;
  /** Resolves with the reason if the tier ends by itself, after the hosts have ended. */
  readonly failed: Promise<TierError>;
  /** Ends the hosts. */
  stop(): Promise<void>;
}

/** Starts the tier. @throws TierError, FolderError or PinError where it can't be started as configured */
export async function startSupervisor(config: TokenConfig, log: Logger): Promise<Supervisor> {
  const readPin = pinSource(config);
  const access = prepareFolder(config.socketFolder, config.hosts, config.socketGroup);
  const lock = await lockFolder(config.socketFolder);
  const attachSecret = randomBytes(secretBytes);
  writeAttachSecret(config.socketFolder, attachSecret, access);

  let resolveReady: () => void = () => {};
  let rejectReady: (error: TierError) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    resolveReady = resolve;
    rejectReady = reject;
  });
  ready.catch(() => {});
  let resolveFailed: (error: TierError) => void = () => {};
  const failed = new Promise<TierError>((resolve) => {
    resolveFailed = resolve;
  });

  const serving = new Set<number>();
  const hosts: Host[] = [];
  const turns = new Turns<Host>();
  let ended: Promise<void> | undefined;
  const stop = () => {
    ended ??= (async () => {
      clearInterval(timer);
      turns.close();
      await Promise.all(hosts.map((host) => host.end()));
      attachSecret.fill(0);
      await lock.release();
    })();
    return ended;
  };
  const onFatal = (message: string, exitCode: number) => {
    const error = new TierError(message, exitCode);
    void stop().then(() => {
      rejectReady(error);
      resolveFailed(error);
    });
  };

  const makeHost = (index: number, onReady: () => void) => {
    const host = new Host({
      index,
      environment: config.environment,
      deadlineMilliseconds: config.deadlineMilliseconds,
      log,
      turns,
      start: (restarts) => ({
        options: startOptions(config, access, index, restarts),
        pin: readPin(),
        attachSecret,
      }),
      onReady,
      onWake: wake,
      onFatal,
    });
    hosts.push(host);
    return host;
  };
  // Not before somebody needs it: most never make an RSA key, and it takes memory and a login.
  let maker: Host | undefined;
  const wake = () => {
    if (maker !== undefined || ended !== undefined) return;
    maker = makeHost(config.hosts, () => {});
    maker.start();
  };
  for (let index = 0; index < config.hosts; index++) {
    makeHost(index, () => {
      // The first alone, so that a wrong PIN is tried once: a token may lock after a few.
      if (index === 0 && serving.size === 0) for (const other of hosts.slice(1)) other.start();
      serving.add(index);
      if (serving.size === config.hosts) resolveReady();
    });
  }
  let checkedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const late = now - checkedAt > 3 * checkMilliseconds;
    checkedAt = now;
    for (const host of hosts) {
      if (late) host.excuse(now);
      else host.checkHeartbeat(now);
    }
  }, checkMilliseconds);
  hosts[0]?.start();
  return { ready, failed, stop };
}

function startOptions(config: TokenConfig, access: Access, index: number, restarts: number) {
  const { module, label, serial, libraryParameters, deadlineMilliseconds, hostOaep, hostUnwrap } = config;
  return {
    hostOaep,
    hostUnwrap,
    module,
    label,
    serial,
    libraryParameters,
    deadlineMilliseconds,
    socketPath: socketFile(config.socketFolder, index),
    socketMode: access.socketMode,
    socketGroup: access.group,
    restarts,
    // The others start when the first has opened the token: it was there.
    first: index === 0 && restarts === 0,
  };
}
