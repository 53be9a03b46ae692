/** A worker of server.test.ts: serves on the port of its argument, 0 for any, and tells which it got. */
import pino from 'pino';
import { listen } from '../../src/wire/server.ts';

const listening = await listen(
  (_request, response) => {
    response.setHeader('x-pid', process.pid);
    response.end();
  },
  { host: '127.0.0.1', port: Number(process.argv[2]), plainHttp: false, log: pino({ level: 'silent' }) },
);
process.on('message', async () => {
  await listening.close(1000);
  process.disconnect?.();
});
process.send?.(listening.port);
