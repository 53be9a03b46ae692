/** A worker of server.test.ts: serves on a port that the primary shares, and tells which. */
import pino from 'pino';
import { listen } from '../../src/wire/server.ts';

const listening = await listen(
  (_request, response) => {
    response.setHeader('x-pid', process.pid);
    response.end();
  },
  { host: '127.0.0.1', port: 0, plainHttp: false, log: pino({ level: 'silent' }) },
);
process.on('message', async () => {
  await listening.close(1000);
  process.disconnect?.();
});
process.send?.(listening.port);
