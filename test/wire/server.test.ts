import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { Agent, get, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { listen } from '../../src/wire/server.ts';
import { type Api, bytes, call, memoryLog, open, readAnswer, signCall, startApi } from './api.ts';

describe('the server', () => {
  for (const host of [
    '0.0.0.0',
    '::',
    '192.0.2.1',
    '::ffff:192.0.2.1',
    'example.com',
    '127.0.0.1.example.com',
  ]) {
    it(`refuses plain HTTP on ${host}`, async () => {
      let message = '';
      await listen(() => {}, { host, port: 0, plainHttp: false, log: memoryLog([]) }).catch(
        (error: Error) => {
          message = error.message;
        },
      );
      expect(message).to.include(`plain HTTP on \`${host}\``);
    });
  }

  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost']) {
    it(`allows it on ${host}`, async () => {
      const listening = await listen(() => {}, { host, port: 0, plainHttp: false, log: memoryLog([]) });
      expect(listening.port).to.be.greaterThan(0);
      await listening.close(0);
    });
  }

  it('allows it anywhere when told to', async () => {
    const listening = await listen(() => {}, {
      host: '0.0.0.0',
      port: 0,
      plainHttp: true,
      log: memoryLog([]),
    });
    await listening.close(0);
  });

  it('says so where the port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    let message = '';
    await startApi({ port }).catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.include(`can't listen on \`127.0.0.1\` port \`${port}\``);
    taken.close();
  });

  it('keeps connections open for longer than a load balancer does', async () => {
    const api = await startApi();
    const { headers } = await call(api, 'Encrypt', '{}', { headers: { connection: 'keep-alive' } });
    expect(headers['keep-alive']).to.equal('timeout=75');
    await api.close(0);
  });

  it('takes so many connections and no more, and says so once', async () => {
    const api = await startApi({ maxConnections: 2 });
    const kept = [open(api), open(api)];
    await Promise.all(kept.map(({ socket }) => once(socket, 'connect')));
    for (let more = 0; more < 3; more++) expect(await open(api).closed).to.equal('');
    expect(api.log.filter(({ maxConnections }) => maxConnections === 2).length).to.equal(1);
    for (const { socket } of kept) socket.destroy();
    let status: number | undefined;
    while (status !== 200)
      status = await call(api, 'Encrypt', '{}').then(
        (answer) => answer.status,
        () => undefined,
      );
    await api.close(0);
  });

  describe('closing', () => {
    /** An API whose one operation ends when told, and a request under way in it. */
    async function busy(): Promise<{
      api: Api;
      finish: () => void;
      answered: Promise<IncomingMessage>;
      agent: Agent;
    }> {
      const api = await startApi();
      let finish = () => {};
      let begun = () => {};
      const under = new Promise<void>((resolve) => {
        begun = resolve;
      });
      api.dispatch = () => {
        begun();
        return new Promise((resolve) => {
          finish = () => resolve({ done: true });
        });
      };
      const signed = await signCall(api, 'Encrypt', '{}');
      const agent = new Agent({ keepAlive: true });
      const request = httpRequest({ host: '127.0.0.1', port: api.port, ...signed, agent });
      const answered = once(request, 'response').then(([response]) => response);
      request.end(signed.body);
      await under;
      return { api, finish: () => finish(), answered, agent };
    }

    it('answers what is under way, with Connection: close, and takes nothing new', async () => {
      const { api, finish, answered, agent } = await busy();
      const closed = api.close(5000);
      let refused = '';
      await call(api, 'Encrypt', '{}').catch((error: NodeJS.ErrnoException) => {
        refused = error.code ?? '';
      });
      expect(refused).to.equal('ECONNREFUSED');
      finish();
      const answer = await readAnswer(await answered);
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({ done: true });
      expect(answer.headers.connection).to.equal('close');
      await closed;
      agent.destroy();
    });

    it('drops idle connections at once', async () => {
      const api = await startApi();
      const agent = new Agent({ keepAlive: true });
      const [response] = await once(
        get({ host: '127.0.0.1', port: api.port, path: '/healthz', agent }),
        'response',
      );
      await readAnswer(response);
      const { closed } = open(api);
      const began = performance.now();
      await api.close(10_000);
      await closed;
      expect(performance.now() - began).to.be.lessThan(5000);
      agent.destroy();
    });

    it('cuts off what is not done within the grace', async () => {
      const { api, answered, agent } = await busy();
      const lost = answered.then(
        () => 'answered',
        (error: NodeJS.ErrnoException) => error.code,
      );
      await api.close(50);
      expect(await lost).to.equal('ECONNRESET');
      agent.destroy();
    });

    it('answers every one of the requests that came together on one connection', async () => {
      const api = await startApi();
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      api.dispatch = async ({ input }) => {
        await held;
        return { n: input.n };
      };
      const requests = await Promise.all([1, 2].map((n) => signCall(api, 'Encrypt', `{"n":${n}}`)));
      const { socket, closed } = open(api);
      socket.write(Buffer.concat(requests.map((request) => bytes(request))));
      while (api.calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
      const done = api.close(5000);
      release();
      await done;
      expect([...(await closed).matchAll(/\{"n":(\d)\}/g)].map(([, n]) => n)).to.deep.equal(['1', '2']);
    });

    it('may be asked for twice', async () => {
      const api = await startApi();
      await Promise.all([api.close(0), api.close(0)]);
      await api.close(0);
    });
  });

  it('shares its port with other workers of a cluster, and says which it got', async () => {
    const workers: Worker[] = [];
    const fork = async (port: number): Promise<number> => {
      cluster.setupPrimary({
        exec: new URL('./cluster-worker.ts', import.meta.url).pathname,
        args: [String(port)],
      });
      const worker = cluster.fork();
      workers.push(worker);
      const [bound] = await once(worker, 'message');
      return Number(bound);
    };
    try {
      const first = await fork(0);
      expect(first).to.be.greaterThan(0);
      expect(await fork(first)).to.equal(first);
      const seen = new Set<unknown>();
      while (seen.size < 2) {
        const [response] = await once(get({ host: '127.0.0.1', port: first, agent: false }), 'response');
        await readAnswer(response);
        seen.add(response.headers['x-pid']);
      }
      const exits = workers.map((worker) => once(worker, 'exit'));
      for (const worker of workers) worker.send('close');
      expect((await Promise.all(exits)).map(([code]) => code)).to.deep.equal([0, 0]);
    } finally {
      for (const worker of workers) if (!worker.isDead()) worker.process.kill('SIGKILL');
    }
  });
});
