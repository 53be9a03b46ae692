import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Anchor,
  type AnchorEvent,
  AnchorQueue,
  fileAnchor,
  webhookAnchor,
} from '../../src/audit/anchor.ts';
import { makeCertificate, pem } from '../wire/certificate.ts';

describe('an anchor', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-anchor-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const failureOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  describe('that is a file', () => {
    it('gets a line each', async () => {
      const path = join(folder, 'anchor');
      const anchor = fileAnchor(path);
      await anchor.deliver('one');
      await anchor.deliver('two');
      expect(readFileSync(path, 'utf8')).to.equal('one\ntwo\n');
    });

    it('keeps what a failed write has left in a line of its own', async () => {
      const path = join(folder, 'anchor');
      writeFileSync(path, 'one\ntw');
      await fileAnchor(path).deliver('two');
      expect(readFileSync(path, 'utf8')).to.equal('one\ntw\ntwo\n');
    });

    it('is none where its folder is not there', async () => {
      expect(await failureOf(fileAnchor(join(folder, 'mount', 'anchor')).deliver('one'))).to.deep.include({
        code: 'ENOENT',
      });
    });
  });

  describe('that is a webhook', () => {
    let server: Server;
    let url: string;
    let ca: string;
    let status: number;
    const bodies: string[] = [];
    beforeEach(async () => {
      const files = makeCertificate(folder, 'anchor');
      ca = pem(files);
      status = 204;
      bodies.length = 0;
      server = createServer({ cert: ca, key: readFileSync(files.keyFile) }, (request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        request.on('end', () => {
          bodies.push(`${request.method} ${request.headers['content-type']} ${body}`);
          response.writeHead(status, { location: '/elsewhere' }).end();
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/checkpoints`;
    });
    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    it('is sent each line', async () => {
      await webhookAnchor(url, ca).deliver('{"é":1}');
      expect(bodies).to.deep.equal(['POST application/json {"é":1}']);
    });

    it('has it only when it says so, and is followed nowhere else', async () => {
      for (status of [500, 404, 302]) {
        expect(await failureOf(webhookAnchor(url, ca).deliver('x'))).to.deep.include({
          code: `status-${status}`,
        });
      }
      expect(bodies).to.have.length(3);
    });

    it('is refused without a certificate to trust', async () => {
      expect(await failureOf(webhookAnchor(url).deliver('x'))).to.be.instanceOf(Error);
      expect(bodies).to.deep.equal([]);
    });
  });

  describe('is brought lines', () => {
    let delivered: string[];
    let events: AnchorEvent[];
    let due: { milliseconds: number; run: () => void }[];
    let away: boolean;
    const anchor: Anchor = {
      name: 'file',
      async deliver(line) {
        if (away) throw Object.assign(new Error('away'), { code: 'EIO' });
        delivered.push(line);
      },
    };
    const queue = () =>
      new AnchorQueue(
        anchor,
        (event) => events.push(event),
        (milliseconds, run) => {
          const entry = { milliseconds, run };
          due.push(entry);
          return () => void due.splice(due.indexOf(entry), 1);
        },
      );
    const settled = () => new Promise(setImmediate);
    beforeEach(() => {
      [delivered, events, due, away] = [[], [], [], false];
    });

    it('in order', async () => {
      const lines = queue();
      for (const line of ['1', '2', '3']) lines.offer(line);
      await settled();
      expect(delivered).to.deep.equal(['1', '2', '3']);
      expect(events).to.deep.equal([]);
    });

    it('again and again where it is away, ever more slowly, and is told of once', async () => {
      away = true;
      const lines = queue();
      lines.offer('1');
      const waits: number[] = [];
      for (let i = 0; i < 8; i += 1) {
        await settled();
        lines.offer(String(i + 2));
        const [next] = due.splice(0, 1);
        waits.push(next?.milliseconds ?? 0);
        if (i === 7) away = false;
        next?.run();
      }
      await settled();
      expect(waits).to.deep.equal([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
      expect(delivered).to.deep.equal(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
      expect(events).to.deep.equal([
        { type: 'failed', anchor: 'file', reason: 'EIO' },
        { type: 'recovered', anchor: 'file' },
      ]);
    });

    it('of which a day’s wait at most: the oldest are given up', async () => {
      away = true;
      const lines = queue();
      for (let i = 0; i < 1_500; i += 1) lines.offer(String(i));
      await settled();
      expect(lines.waiting).to.equal(1_440);
      away = false;
      due[0]?.run();
      await settled();
      expect(delivered).to.have.length(1_440);
      expect(delivered.at(-1)).to.equal('1499');
      expect(events.filter(({ type }) => type === 'dropped')).to.have.length(60);
    });

    it('once more at the end, which waits for no anchor that hangs', async () => {
      away = true;
      const lines = queue();
      lines.offer('1');
      await settled();
      away = false;
      await lines.close(1_000);
      expect(delivered).to.deep.equal(['1']);
      expect(due).to.deep.equal([]);
      const hanging = new AnchorQueue(
        { name: 'webhook', deliver: () => new Promise(() => undefined) },
        () => undefined,
        (_, run) => {
          queueMicrotask(run);
          return () => undefined;
        },
      );
      hanging.offer('1');
      await hanging.close(1_000);
      expect(hanging.waiting).to.equal(1);
    });
  });
});
