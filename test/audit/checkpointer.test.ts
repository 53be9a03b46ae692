import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  isSignedBy,
  parseCheckpointLine,
  readPublicKey,
  renderCheckpointLine,
  type StreamHead,
  signedBytes,
} from '../../src/audit/checkpoint.ts';
import { checkpointKeyName } from '../../src/audit/checkpoint-file.ts';
import { type CheckpointEvent, Checkpointer } from '../../src/audit/checkpointer.ts';
import type { TrailWriter } from '../../src/audit/writer.ts';
import { systemClock } from '../../src/clock.ts';
import { makeRecord } from './fixture.ts';
import { headOf, makeSigner, SignedBench, storeId } from './signed.ts';

describe('checkpoints', () => {
  let bench: SignedBench;
  beforeEach(() => {
    bench = new SignedBench();
  });
  afterEach(() => bench.end());

  const lines = () =>
    readFileSync(bench.checkpoints, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => parseCheckpointLine(Buffer.from(line)));

  async function open(slot: string): Promise<TrailWriter> {
    const writer = await bench.open({ slot });
    await writer.append(makeRecord());
    return writer;
  }

  it('sign the heads of all streams, those that are written and those that are not, and chain', async () => {
    await bench.write('worker-2', 3);
    const writer = await open('worker-1');
    const checkpointer = bench.checkpointer({
      heads: async () => new Map([['worker-1', headOf('worker-1', writer)]]),
    });
    const first = await checkpointer.take();
    await writer.append(makeRecord());
    const second = await checkpointer.take();
    expect(lines()).to.deep.equal([first, second]);
    const key = readPublicKey(bench.signer.pem);
    for (const signed of [first, second]) expect(signed && isSignedBy(key, signed)).to.equal(true);
    expect(first?.checkpoint).to.deep.include({ store: storeId, number: 1, previous: '0'.repeat(64) });
    expect(second?.checkpoint.number).to.equal(2);
    expect(second?.checkpoint.streams).to.deep.include(headOf('worker-1', writer));
    expect(second?.checkpoint.streams.map(({ slot }) => slot)).to.have.members(['worker-1', 'worker-2']);
    expect(await bench.prove()).to.deep.include({ verdict: 'whole' });
  });

  it('have one form alone', async () => {
    await bench.write('worker-1', 1);
    const signed = await bench.checkpointer().take();
    if (signed === undefined) throw new Error('nothing was signed');
    const line = renderCheckpointLine(signed);
    expect(parseCheckpointLine(Buffer.from(line))).to.deep.equal(signed);
    expect(parseCheckpointLine(Buffer.from(line.replace(',', ', ')))).to.equal(undefined);
    expect(parseCheckpointLine(Buffer.from(line.replace('"version":1', '"version":2')))).to.equal(undefined);
    const [, member = ''] = /^\{"checkpoint":(.*),"signature":"[^"]*"\}$/.exec(line) ?? [];
    const digest = hash('sha256', member, 'buffer');
    expect(signedBytes(signed.checkpoint)).to.deep.equal(
      Buffer.concat([Buffer.from('coffer trail checkpoint v1\0'), digest]),
    );
  });

  it('can be checked with openssl by hand', async () => {
    await bench.write('worker-1', 1);
    await bench.checkpointer().take();
    const script = `
      line=$(tail -n 1 checkpoints.jsonl)
      checkpoint=\${line#'{"checkpoint":'} checkpoint=\${checkpoint%',"signature":'*}
      signature=\${line##*'"signature":"'} signature=\${signature%'"}'}
      { printf 'coffer trail checkpoint v1\\0'; printf %s "$checkpoint" | openssl dgst -sha256 -binary; } > signed
      printf %s "$signature" | openssl base64 -d -A > signature
      openssl dgst -sha256 -verify checkpoint-key.pem -signature signature signed`;
    const options = { cwd: bench.folder, encoding: 'utf8' } as const;
    expect(execFileSync('sh', ['-ec', script], options)).to.equal('Verified OK\n');
  });

  it('go on after a start, and after a crash that tore the last', async () => {
    await bench.write('worker-1', 1);
    await bench.checkpointer().close();
    appendFileSync(bench.checkpoints, '{"checkpoint":{"ver');
    await bench.write('worker-1', 1);
    await bench.checkpointer().close();
    expect(lines().map((signed) => signed?.checkpoint.number)).to.deep.equal([1, 2]);
    expect(await bench.prove()).to.deep.include({ verdict: 'whole' });
  });

  it('never claim what a writer has not called durable, nor less than it had', async () => {
    const writer = await open('worker-1');
    const head = headOf('worker-1', writer);
    // What is in the file beyond may yet be taken back.
    appendFileSync(bench.file('worker-1', 1), readFileSync(bench.file('worker-1', 1)));
    const checkpointer = bench.checkpointer({ heads: async () => new Map([['worker-1', head]]) });
    expect((await checkpointer.take())?.checkpoint.streams).to.deep.equal([head]);
  });

  it('leave to a writer what was read while it began', async () => {
    await bench.write('worker-1', 2);
    let asked = 0;
    let head: StreamHead | undefined;
    const checkpointer = bench.checkpointer({
      async heads() {
        asked += 1;
        if (asked === 1) return new Map();
        head ??= headOf('worker-1', await open('worker-1'));
        return new Map([['worker-1', head]]);
      },
    });
    expect((await checkpointer.take())?.checkpoint.streams).to.deep.equal([head]);
  });

  describe('tell', () => {
    let events: CheckpointEvent[];
    const onEvent = (event: CheckpointEvent) => void events.push(event);
    const told = () => events.filter(({ type }) => type !== 'taken');
    beforeEach(() => {
      events = [];
    });

    it('once that a stream vanished, and sign what it was all the same', async () => {
      await bench.write('worker-1', 2);
      await bench.write('worker-2', 2);
      const checkpointer = bench.checkpointer({ onEvent });
      const first = await checkpointer.take();
      renameSync(join(bench.folder, 'worker-2'), join(bench.folder, '..gone'));
      const second = await checkpointer.take();
      await checkpointer.take();
      expect(second?.checkpoint.streams).to.deep.equal(first?.checkpoint.streams);
      expect(told()).to.have.length(1);
      expect(told()[0]).to.deep.nested.include({ 'loss.type': 'vanished', 'loss.slot': 'worker-2' });
      renameSync(join(bench.folder, '..gone'), join(bench.folder, 'worker-2-aside'));
      expect((await checkpointer.take())?.checkpoint.streams).to.have.length(2);
      expect(told()).to.have.length(1);
    });

    it('that a stream was cut back', async () => {
      await bench.write('worker-1', 3);
      const checkpointer = bench.checkpointer({ onEvent });
      const first = await checkpointer.take();
      bench.edit(bench.file('worker-1', 1), (lines) => lines.slice(0, 3));
      expect((await checkpointer.take())?.checkpoint.streams).to.deep.equal(first?.checkpoint.streams);
      expect(told()[0]).to.deep.nested.include({ 'loss.type': 'cut-back', 'loss.slot': 'worker-1' });
    });

    it('nothing of a writer that does not answer, and sign what it had', async () => {
      await bench.write('worker-1', 1);
      let answer: ReadonlyMap<string, StreamHead | undefined> = new Map();
      const checkpointer = bench.checkpointer({ onEvent, heads: async () => answer });
      const first = await checkpointer.take();
      answer = new Map([['worker-1', undefined]]);
      expect((await checkpointer.take())?.checkpoint.streams).to.deep.equal(first?.checkpoint.streams);
      expect(told()).to.deep.equal([]);
    });

    it('once that the token does not sign, try again, and tell when it does', async () => {
      await bench.write('worker-1', 1);
      const due: { milliseconds: number; run: () => void }[] = [];
      let away = true;
      const checkpointer = bench.checkpointer({
        onEvent,
        schedule(milliseconds, run) {
          const entry = { milliseconds, run };
          due.push(entry);
          return () => void due.splice(due.indexOf(entry), 1);
        },
        async sign(data) {
          if (away) throw Object.assign(new Error('away'), { kind: 'unavailable' });
          return bench.signer.sign(data);
        },
      });
      checkpointer.start();
      const round = async () => {
        const [next] = due.splice(0, 1);
        next?.run();
        await checkpointer.take();
        await new Promise(setImmediate);
        return next?.milliseconds;
      };
      expect(await round()).to.equal(0);
      expect(await round()).to.equal(5_000);
      expect(told()).to.have.length(1);
      expect(told()[0]).to.deep.include({ type: 'failed', reason: 'unavailable' });
      away = false;
      expect(await round()).to.equal(5_000);
      expect(told().map(({ type }) => type)).to.deep.equal(['failed', 'recovered']);
      expect(due.map(({ milliseconds }) => milliseconds)).to.deep.equal([60_000]);
      checkpointer.hurry();
      checkpointer.hurry();
      expect(due.map(({ milliseconds }) => milliseconds)).to.deep.equal([1_000]);
      expect(lines().map((signed) => signed?.checkpoint.number)).to.deep.equal([1, 2]);
    });

    it('that the key or the last checkpoint is not this token’s, and leave both alone', async () => {
      await bench.write('worker-1', 1);
      await bench.checkpointer().close();
      const before = readFileSync(bench.checkpoints);
      const forger = makeSigner();
      await bench.checkpointer({ onEvent, sign: forger.sign, publicKey: forger.publicKey }).take();
      expect(told()[0]).to.deep.include({ type: 'failed', reason: 'damaged' });
      writeFileSync(join(bench.folder, checkpointKeyName), forger.pem);
      await bench.checkpointer({ onEvent, sign: forger.sign, publicKey: forger.publicKey }).take();
      rmSync(join(bench.folder, checkpointKeyName));
      await bench.checkpointer({ onEvent, storeId: 'f'.repeat(32) }).take();
      expect(told().map(({ type }) => type)).to.deep.equal(['failed', 'failed', 'failed']);
      expect(readFileSync(bench.checkpoints)).to.deep.equal(before);
    });
  });

  it('are written with nobody to hand them to', async () => {
    await bench.write('worker-1', 1);
    const { folder, signer } = bench;
    const heads = async () => new Map();
    await new Checkpointer({ folder, storeId, clock: systemClock, ...signer, heads }).close();
    expect(lines()).to.have.length(1);
  });

  it('are hurried by a writer that begins another file', async () => {
    const rotated: number[] = [];
    const writer = await bench.open({
      slot: 'worker-1',
      segmentBytes: 4_096,
      onEvent: (event) => event.type === 'rotated' && rotated.push(event.segment),
    });
    for (let i = 0; i < 8; i += 1) await writer.append(makeRecord());
    expect(rotated).to.deep.equal(
      bench
        .segments()
        .map((name) => Number.parseInt(name, 10))
        .slice(1),
    );
    expect(writer.segment).to.equal(rotated.at(-1));
  });
});
