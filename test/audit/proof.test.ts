import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  hashCheckpoint,
  parseCheckpointLine,
  renderCheckpointLine,
  signedBytes,
} from '../../src/audit/checkpoint.ts';
import { checkpointKeyName } from '../../src/audit/checkpoint-file.ts';
import type { Finding } from '../../src/audit/proof/finding.ts';
import { CannotVerify, type VerifyOptions } from '../../src/audit/proof/trail.ts';
import { makeSigner, SignedBench } from './signed.ts';

describe('proving a trail', () => {
  let filled: SignedBench;
  let bench: SignedBench;
  before(async () => {
    filled = new SignedBench();
    await filled.fill();
  });
  beforeEach(() => {
    bench = new SignedBench();
    cpSync(filled.folder, bench.folder, { recursive: true });
  });
  afterEach(() => bench.end());
  after(() => filled.end());

  async function findings(options: Partial<VerifyOptions> = {}): Promise<readonly Finding[]> {
    const report = await bench.prove(options);
    expect(report.verdict).to.equal(report.findings.length > 0 ? 'wrong' : 'whole');
    return report.findings;
  }

  async function only(options: Partial<VerifyOptions> = {}): Promise<Finding> {
    const found = await findings(options);
    expect(found).to.have.length(1);
    const [finding] = found;
    if (finding === undefined) throw new Error('no finding');
    return finding;
  }

  const isRecord = (line: string) => line.includes('"eventID"');
  /** The index of the record of that number in a file of the stream. */
  const nth = (lines: readonly string[], record: number) =>
    lines.flatMap((line, index) => (isRecord(line) ? [index] : []))[record] ?? -1;
  const eventOf = (line: string) => /"eventID":"([^"]+)"/.exec(line)?.[1];
  const second = () => bench.file('worker-1', 2);

  it('finds nothing wrong with one that nobody touched, and says what it looked at', async () => {
    const report = await bench.prove({ publicKey: filled.signer.pem, anchor: bench.anchor });
    expect(report).to.deep.include({ verdict: 'whole', findings: [] });
    expect(report.streams.map(({ slot, records, behind }) => ({ slot, records, behind }))).to.deep.equal([
      { slot: 'worker-1', records: 20, behind: 0 },
      { slot: 'worker-2', records: 24, behind: 0 },
    ]);
    expect(report.checkpoints).to.deep.include({ signed: 3, refused: 0, unreadable: 0 });
    expect(report.anchor).to.deep.include({ signed: 3 });
    expect(report.key).to.deep.include({ given: true });
  });

  it('counts what nobody has signed yet, and since when', async () => {
    await bench.write('worker-1', 3);
    const { verdict, streams } = await bench.prove();
    expect(verdict).to.equal('whole');
    const [one] = streams;
    expect(one?.behind).to.be.greaterThan(5);
    expect(one?.behindSince).to.match(/^\d{4}-/);
  });

  it('takes a line that is still being written for what it is', async () => {
    const last = filled.checkpoints;
    appendFileSync(second().replace('000002', '000005'), '');
    appendFileSync(bench.checkpoints, readFileSync(last, 'utf8').slice(0, 100));
    const [, name] = /(\d{6})/.exec(lastFile('worker-1')) ?? [];
    appendFileSync(bench.file('worker-1', Number(name)), '{"eventVersion":"1.1');
    expect(await findings()).to.deep.equal([]);
  });

  function lastFile(slot: string): string {
    let segment = 1;
    for (;;) {
      try {
        readFileSync(bench.file(slot, segment + 1));
        segment += 1;
      } catch {
        return bench.file(slot, segment);
      }
    }
  }

  describe('names the record', () => {
    it('that was changed', async () => {
      let event: string | undefined;
      let line = 0;
      bench.edit(second(), (lines) => {
        const at = nth(lines, 1);
        line = at + 1;
        event = eventOf(lines[at] ?? '');
        return lines.with(at, (lines[at] ?? '').replace('Encrypt', 'Decrypt'));
      });
      const finding = await only();
      expect(finding).to.deep.include({ type: 'changed', orNext: false });
      expect('at' in finding && finding.at).to.deep.include({
        slot: 'worker-1',
        segment: 2,
        line,
        eventId: event,
      });
    });

    it('of which a byte was changed, so that it is no JSON', async () => {
      let line = 0;
      bench.edit(second(), (lines) => {
        const at = nth(lines, 1);
        line = at + 1;
        return lines.with(at, (lines[at] ?? '').replace('{', '['));
      });
      expect(await only()).to.deep.include({ type: 'changed', orNext: false });
      const finding = await only();
      expect('at' in finding && finding.at).to.deep.include({ segment: 2, line });
    });

    it('whose link was changed', async () => {
      let line = 0;
      bench.edit(second(), (lines) => {
        const at = nth(lines, 1);
        line = at + 1;
        return lines.with(at, (lines[at] ?? '').replace(/"previous":"[0-9a-f]{8}/, '"previous":"00000000'));
      });
      const finding = await only();
      expect(finding).to.deep.include({ type: 'changed', orNext: false });
      expect('at' in finding && finding.at).to.deep.include({ segment: 2, line });
    });

    it('that was changed right where a checkpoint was signed', async () => {
      const sequence = parseCheckpointLine(
        Buffer.from(readFileSync(bench.checkpoints, 'utf8').split('\n')[0] ?? ''),
      )?.checkpoint.streams.find(({ slot }) => slot === 'worker-1')?.sequence;
      for (const segment of [1, 2, 3]) {
        bench.edit(bench.file('worker-1', segment), (lines) =>
          lines.map((line) =>
            line.includes(`"sequence":${sequence},`)
              ? line.replace(/"mac":"[0-9a-f]{4}/, '"mac":"0000')
              : line,
          ),
        );
      }
      const finding = await only();
      expect(finding).to.deep.include({ type: 'changed', orNext: false });
      expect('at' in finding && finding.at).to.deep.include({ sequence });
    });

    it('that was dropped, by its place and number', async () => {
      let number = 0;
      bench.edit(second(), (lines) => {
        const at = nth(lines, 1);
        number = Number(/"sequence":(\d+)/.exec(lines[at] ?? '')?.[1]);
        return lines.toSpliced(at, 2);
      });
      expect(await only()).to.deep.include({ type: 'dropped', first: number, last: number + 1 });
    });

    it('that was dropped with its whole file', async () => {
      rmSync(second());
      const finding = await only();
      expect(finding).to.deep.include({ type: 'dropped' });
      expect('at' in finding && finding.at).to.deep.include({ segment: 3, line: 1 });
    });

    it('that was put before another', async () => {
      let event: string | undefined;
      bench.edit(second(), (lines) => {
        const at = nth(lines, 1);
        const [one = '', two = ''] = [lines[at - 2], lines[at]];
        event = eventOf(two);
        return lines.with(at - 2, two).with(at, one);
      });
      const finding = await only();
      expect(finding).to.deep.include({ type: 'reordered' });
      expect('at' in finding && finding.at).to.deep.include({ eventId: event });
    });

    it('that was moved to another file', async () => {
      let moved = '';
      bench.edit(bench.file('worker-1', 1), (lines) => {
        moved = lines.at(-1) ?? '';
        return lines.slice(0, -1);
      });
      bench.edit(second(), (lines) => [moved, ...lines]);
      const finding = await only();
      expect(finding).to.deep.include({ type: 'reordered' });
      expect('at' in finding && finding.at).to.deep.include({ segment: 2, line: 1 });
    });

    it('that was added: a forged one, and a copy of an earlier and of a later one', async () => {
      const original = readFileSync(second());
      const forged = (lines: string[], at: number) =>
        (lines[at] ?? '').replace('Encrypt', 'Decrypt').replace(/"eventID":"[^"]{8}/, '"eventID":"00000000');
      for (const make of [
        forged,
        (lines: string[], at: number) => lines[at - 2] ?? '',
        (lines: string[], at: number) => lines[at + 2] ?? '',
        () => '{"eventID":"no line of a trail"}',
      ]) {
        let line = 0;
        writeFileSync(second(), original);
        bench.edit(second(), (lines) => {
          const at = nth(lines, 1);
          line = at + 1;
          return lines.toSpliced(at, 0, make(lines, at));
        });
        const finding = await only();
        expect(finding).to.deep.include({ type: 'added' });
        expect('at' in finding && finding.at).to.deep.include({ segment: 2, line });
      }
    });
  });

  describe('knows by what was signed', () => {
    it('that a record was changed and all that follows hashed anew', async () => {
      bench.edit(second(), (lines) => {
        const at = nth(lines, 0);
        return lines.with(at, (lines[at] ?? '').replace('Encrypt', 'Decrypt'));
      });
      bench.rehash('worker-1');
      const finding = await only();
      expect(finding).to.deep.include({ type: 'rewritten', slot: 'worker-1' });
      const first = 'first' in finding ? finding.first : 0;
      const last = 'last' in finding ? Number(finding.last) : 0;
      const sequence = Number(
        /"sequence":(\d+)/.exec(
          readFileSync(second(), 'utf8')
            .split('\n')
            .find((line) => line.includes('Decrypt')) ?? '',
        )?.[1],
      );
      expect(sequence).to.be.within(first, last);
    });

    it('that a record was dropped and all that follows hashed anew', async () => {
      bench.edit(second(), (lines) => lines.toSpliced(nth(lines, 0), 1));
      bench.rehash('worker-1');
      // The last line that was signed is not there any more, and an earlier one is another.
      expect(await only()).to.deep.include({ type: 'rewritten', slot: 'worker-1' });
    });

    it('that a stream was cut back, and how far', async () => {
      const { streams } = await bench.prove();
      bench.edit(lastFile('worker-2'), (lines) => lines.slice(0, -2));
      const lines = streams[1]?.lines ?? 0;
      expect(await only()).to.deep.include({
        type: 'cut-back',
        slot: 'worker-2',
        last: lines - 2,
        signed: lines,
      });
    });

    it('that its last file is gone', async () => {
      rmSync(lastFile('worker-2'));
      expect(await only()).to.deep.include({ type: 'cut-back', slot: 'worker-2' });
    });

    it('that a stream was cut back and then written on', async () => {
      const path = lastFile('worker-2');
      bench.edit(path, (lines) => lines.slice(0, -2));
      await bench.write('worker-2', 4);
      expect(await only()).to.deep.include({ type: 'rewritten', slot: 'worker-2' });
    });

    it('that a stream vanished', async () => {
      rmSync(join(bench.folder, 'worker-2'), { recursive: true });
      expect(await only()).to.deep.include({ type: 'vanished', slot: 'worker-2' });
    });

    it('and takes a stream that was moved aside within the folder', async () => {
      renameSync(join(bench.folder, 'worker-2'), join(bench.folder, 'worker-2-aside'));
      await bench.write('worker-2', 1);
      expect(await findings()).to.deep.equal([]);
    });
  });

  describe('checks the checkpoints', () => {
    it('of which one was changed', async () => {
      bench.edit(bench.checkpoints, (lines) =>
        lines.with(1, (lines[1] ?? '').replace(/"time":"\d{4}/, '"time":"1999')),
      );
      expect(await findings()).to.deep.include({
        type: 'checkpoint',
        from: 'trail',
        line: 2,
        number: 2,
        why: 'signature',
      });
    });

    it('of which one was dropped, put in again, or is no checkpoint', async () => {
      const original = readFileSync(bench.checkpoints);
      bench.edit(bench.checkpoints, (lines) => lines.toSpliced(1, 1));
      expect(await only()).to.deep.include({ why: 'dropped', after: 1, line: 2, number: 3 });
      writeFileSync(bench.checkpoints, original);
      bench.edit(bench.checkpoints, (lines) => [...lines, lines[0] ?? '']);
      expect(await only()).to.deep.include({ why: 'added', after: 3, line: 4, number: 1 });
      writeFileSync(bench.checkpoints, original);
      bench.edit(bench.checkpoints, (lines) => lines.with(0, '{}'));
      expect(await findings()).to.deep.include({
        type: 'checkpoint',
        from: 'trail',
        line: 1,
        number: undefined,
        why: 'unreadable',
      });
    });

    it('that the key has signed, and that do not go on from the one before', async () => {
      const original = readFileSync(bench.checkpoints);
      const last = parseCheckpointLine(Buffer.from(original.toString().split('\n').at(-2) ?? ''))?.checkpoint;
      if (last === undefined) throw new Error('no checkpoint');
      const next = { ...last, number: last.number + 1, previous: hashCheckpoint(last) };
      for (const [checkpoint, why] of [
        [{ ...next, previous: last.previous }, 'previous'],
        [{ ...next, store: 'f'.repeat(32) }, 'store'],
        [{ ...next, streams: last.streams.slice(1) }, 'heads'],
        [next, undefined],
      ] as const) {
        const signature = await filled.signer.sign(signedBytes(checkpoint));
        const line = renderCheckpointLine({ checkpoint, signature });
        writeFileSync(bench.checkpoints, `${original}${line}\n`);
        expect((await findings()).map((finding) => 'why' in finding && finding.why)).to.deep.equal(
          why === undefined ? [] : [why],
        );
      }
    });

    it('that were removed, all or with their key', async () => {
      rmSync(bench.checkpoints);
      expect(await only()).to.deep.equal({ type: 'no-checkpoints' });
      rmSync(join(bench.folder, checkpointKeyName));
      expect((await bench.prove()).verdict).to.equal('unknown');
      expect((await bench.prove({ publicKey: filled.signer.pem })).findings).to.deep.equal([
        { type: 'no-checkpoints' },
      ]);
    });

    it('whose key was replaced, with and without signing all anew', async () => {
      const { pem } = filled.signer;
      const forger = makeSigner();
      writeFileSync(join(bench.folder, checkpointKeyName), forger.pem);
      expect(await only()).to.deep.include({ type: 'key' });
      rmSync(bench.checkpoints);
      await bench.checkpointer({ sign: forger.sign, publicKey: forger.publicKey }).take();
      // Whoever can write there and knows no key at all is not seen but by who has a copy of the key, or the anchor.
      expect(await findings()).to.deep.equal([]);
      const types = (found: readonly Finding[]) => found.map(({ type }) => type);
      expect(types(await findings({ publicKey: pem }))).to.deep.equal(['key-replaced', 'key']);
      expect(types(await findings({ anchor: bench.anchor }))).to.include('checkpoint');
    });
  });

  describe('compares with the anchor', () => {
    it('and misses checkpoints that were cut off', async () => {
      bench.edit(bench.checkpoints, (lines) => lines.slice(0, 2));
      expect(await findings()).to.deep.equal([]);
      expect(await only({ anchor: bench.anchor })).to.deep.equal({
        type: 'checkpoints-cut-back',
        last: 2,
        anchor: 3,
      });
    });

    it('and knows a whole folder that was put back to what it once was', async () => {
      const older = mkdtempSync(join(tmpdir(), 'coffer-older-'));
      try {
        bench.copy(older);
        const checkpointer = bench.checkpointer({ ...filled.signer });
        await bench.write('worker-1', 5);
        await checkpointer.take();
        appendFileSync(bench.anchor, `${bench.anchored.at(-1)}\n`);
        const proof = { publicKey: filled.signer.pem, anchor: bench.anchor };
        expect((await bench.prove(proof)).verdict).to.equal('whole');
        const report = await bench.prove({ ...proof, folder: older });
        expect(report.findings).to.deep.include({ type: 'checkpoints-cut-back', last: 3, anchor: 4 });
        expect(report.findings.find(({ type }) => type === 'cut-back')).to.deep.include({ slot: 'worker-1' });
      } finally {
        rmSync(older, { recursive: true });
      }
    });

    it('and knows a checkpoint that was signed in the place of another', async () => {
      bench.edit(bench.checkpoints, (lines) => lines.slice(0, 2));
      await bench.checkpointer({ ...filled.signer }).take();
      expect(await findings()).to.deep.equal([]);
      expect(await only({ anchor: bench.anchor })).to.deep.include({
        type: 'checkpoint',
        from: 'trail',
        number: 3,
        why: 'differs',
      });
    });

    it('which may lack some, have some twice, and hold what a failed write left', async () => {
      bench.edit(bench.anchor, (lines) => [lines[0] ?? '', '{"checkp', lines[2] ?? '', lines[2] ?? '']);
      const report = await bench.prove({ anchor: bench.anchor });
      expect(report.verdict).to.equal('whole');
      expect(report.anchor).to.deep.include({ signed: 3, unreadable: 1 });
    });

    it('and says which of its checkpoints the key has not signed', async () => {
      bench.edit(bench.anchor, (lines) => lines.with(1, (lines[1] ?? '').replace('worker-2', 'worker-3')));
      expect(await only({ anchor: bench.anchor })).to.deep.include({
        from: 'anchor',
        number: 2,
        why: 'signature',
      });
    });
  });

  it('says that it can’t where there is nothing to go by', async () => {
    const refused = async (options: Partial<VerifyOptions>) =>
      bench.prove(options).then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(await refused({ folder: join(bench.folder, 'nowhere') })).to.be.instanceOf(CannotVerify);
    expect(await refused({ publicKey: Buffer.from('no key') })).to.be.instanceOf(CannotVerify);
    expect(await refused({ anchor: join(bench.folder, 'nowhere') })).to.be.instanceOf(CannotVerify);
    expect(await refused({ anchor: second() })).to.be.instanceOf(CannotVerify);
    rmSync(join(bench.folder, checkpointKeyName));
    expect(await refused({})).to.be.instanceOf(CannotVerify);
  });
});
