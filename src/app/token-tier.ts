import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';

/** A token tier that this process started, for development: in production it has a user of its own. */
export interface TokenTier {
  stop(): Promise<void>;
}

/** The token tier can't serve, and starting it again won't help: the message says what to do. */
export class TokenTierError extends Error {
  override readonly name = 'TokenTierError';
}

/** What `coffer token` says over its channel. */
type Said = { readonly type: 'ready' } | { readonly type: 'fatal'; readonly message: string };

const fatalExit = 78;
const respawnMilliseconds = [0, 250, 500, 1_000, 2_000, 5_000, 10_000] as const;
/** A tier that lived this long was well: the next respawn is at once again. */
const wellMilliseconds = 30_000;

/**
 * Starts `coffer token` and waits until it serves. It is started again when it dies, with back-off.
 * @param onFatal called where the tier ended later on and must not be started again
 * @throws TokenTierError
 */
export function startTokenTier(
  configFile: string,
  log: Logger,
  onFatal: (error: TokenTierError) => void,
): Promise<TokenTier> {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  let stopping = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let child: ReturnType<typeof spawn>;

  return new Promise((resolve, reject) => {
    let started = false;
    const tier: TokenTier = {
      stop() {
        stopping = true;
        clearTimeout(timer);
        if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
        return new Promise((ended) => {
          child.once('exit', () => ended());
          if (child.connected) child.disconnect();
        });
      },
    };

    const fail = (message: string) => {
      const error = new TokenTierError(message);
      if (started) onFatal(error);
      else reject(error);
    };

    const start = () => {
      const begun = performance.now();
      let fatal: string | undefined;
      child = spawn(process.execPath, [main, 'token', '--attended', '--config', configFile], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      child.on('message', (said: Said) => {
        if (said.type === 'fatal') fatal = said.message;
        else {
          started = true;
          resolve(tier);
        }
      });
      child.on('error', (cause) => fail(`the token tier can't be started: ${cause.message}`));
      child.on('exit', (code, signal) => {
        if (stopping) return;
        // Anything else than `fatalExit` may pass by itself, such as a token that is away.
        if (code === fatalExit || !started) {
          return fail(
            fatal ?? `the token tier ended at once (${signal ?? `code ${code}`}): see its log above`,
          );
        }
        failures = performance.now() - begun > wellMilliseconds ? 0 : failures + 1;
        const wait = respawnMilliseconds[Math.min(failures, respawnMilliseconds.length - 1)] ?? 0;
        log.error({ code, signal, wait }, 'the token tier ended: starting it again');
        timer = setTimeout(start, wait);
      });
    };
    start();
  });
}
