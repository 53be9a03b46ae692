import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { runPrimary } from '../app/primary.ts';
import { runWorker } from '../app/worker.ts';
import { readConfig } from '../config.ts';
import { reportFailure } from './failure.ts';

/** `coffer serve --config FILE`: the API tier, in the foreground until SIGINT or SIGTERM. */
export async function run(args: string[]): Promise<void> {
  try {
    const { values } = parseArgs({ args, options: { config: { type: 'string', default: 'coffer.json' } } });
    const config = readConfig(values.config);
    if (cluster.isWorker) {
      const { COFFER_SLOT = 'worker', COFFER_PORT = String(config.listen.port) } = process.env;
      const listen = { ...config.listen, port: Number(COFFER_PORT) };
      await runWorker({ ...config, listen }, COFFER_SLOT);
    } else {
      await runPrimary(config, values.config);
      process.exit(0);
    }
  } catch (error) {
    reportFailure('serve', error);
    process.exit(1);
  }
}
