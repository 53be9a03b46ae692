import { parseArgs } from 'node:util';
import { type Logger, pino } from 'pino';
import { ConfigError, readConfig } from '../config.ts';
import { FolderError } from '../hsm/folder.ts';
import { PinError } from '../hsm/pin.ts';
import { fatalExitCode } from '../hsm/start.ts';
import { type Supervisor, startSupervisor, TierError } from '../hsm/supervisor.ts';

/** `coffer token --config FILE`: runs the token tier until it is ended, or must end. */
export async function run(args: string[]): Promise<void> {
  let log = pino({ name: 'coffer token' }, pino.destination({ dest: 2, sync: true }));
  let supervisor: Supervisor;
  let attended = false;
  try {
    const { values } = parseArgs({
      args,
      options: { config: { type: 'string' }, attended: { type: 'boolean', default: false } },
    });
    attended = values.attended;
    const config = readConfig(values.config ?? 'coffer.json');
    log = pino({ name: 'coffer token', level: config.log.level }, pino.destination({ dest: 2, sync: true }));
    supervisor = await startSupervisor(config.token, log);
  } catch (error) {
    fail(log, error);
    return;
  }
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await supervisor.stop();
    process.exit(0);
  };
  // Attended, it is the parent that says when, by closing the channel: what a terminal or a service manager sends
  // reaches both, and the parent has requests in flight to answer.
  process.on('SIGTERM', () => {
    if (!attended) void end();
  });
  process.on('SIGINT', () => {
    if (process.send === undefined) void end();
  });
  process.on('SIGHUP', () => {});
  process.on('disconnect', end);
  if (process.send !== undefined && !process.connected) return end();
  void supervisor.failed.then((error) => fail(log, error));
  await supervisor.ready.then(
    () => process.send?.({ type: 'ready' }),
    // `failed` says it.
    () => {},
  );
}

/** Says why, in the log and to the parent, and ends. */
function fail(log: Logger, error: unknown): void {
  const known =
    error instanceof TierError ||
    error instanceof ConfigError ||
    error instanceof FolderError ||
    error instanceof PinError ||
    (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
  const message = error instanceof Error ? error.message : String(error);
  if (known) log.fatal(message);
  else log.fatal({ err: error }, 'the token tier failed');
  const exitCode = error instanceof TierError ? error.exitCode : fatalExitCode;
  if (process.send === undefined) process.exit(exitCode);
  process.send({ type: 'fatal', message }, undefined, {}, () => process.exit(exitCode));
}
