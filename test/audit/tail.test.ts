import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TrailEvent } from '../../src/audit/event.ts';
import type { TrailLine } from '../../src/audit/line.ts';
import { readTail } from '../../src/audit/tail.ts';
import { Bench, makeRecord, slot } from './fixture.ts';

describe('a trail opened after a crash', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.end());

  /** A stream of three groups: the last has two records. @returns the file and where its last group begins */
  async function writeThree(): Promise<{ bytes: Buffer; lastGroup: number }> {
    const writer = await bench.open();
    await writer.append(makeRecord());
    await writer.append(makeRecord());
    const lastGroup = Buffer.byteLength(bench.text());
    await Promise.all([1, 2].map(() => writer.append(makeRecord({ Größe: '☃' }))));
    await writer.close();
    return { bytes: Buffer.from(bench.text()), lastGroup };
  }

  const marks = (lines: { parsed: TrailLine | string }[], type: TrailLine['type']) =>
    lines.filter(({ parsed }) => typeof parsed === 'object' && parsed.type === type);

  it('is found to end at its last whole line, wherever in the last group it was torn', async () => {
    const { bytes, lastGroup } = await writeThree();
    for (let end = bytes.length; end >= lastGroup; end -= 1) {
      const whole = bytes.subarray(0, end).lastIndexOf(0x0a) + 1;
      truncateSync(bench.path(1), end);
      const tail = await readTail(join(bench.folder, slot), [1]);
      expect(tail?.end, `torn at ${end}`).to.equal(whole);
      expect(tail?.torn?.bytes ?? 0, `torn at ${end}`).to.equal(end - whole);
    }
  });

  it('goes on from a torn tail, with the cut recorded and covered by a MAC', async () => {
    const { bytes, lastGroup } = await writeThree();
    const lineEnds = [...bytes.entries()].flatMap(([at, byte]) =>
      byte === 0x0a && at >= lastGroup ? [at] : [],
    );
    const ends = lineEnds.flatMap((at) => [at - 1, at, at + 1, at + 2, at + 500]);
    for (const end of [lastGroup, lastGroup + 1, ...ends.filter((at) => at <= bytes.length)]) {
      const torn = bytes.subarray(0, end);
      const whole = torn.lastIndexOf(0x0a) + 1;
      writeFileSync(bench.path(1), torn);
      const events: TrailEvent[] = [];
      const writer = await bench.open({ onEvent: (event) => events.push(event) });
      await writer.close();
      const after = Buffer.from(bench.text());
      expect(after.subarray(0, whole).equals(torn.subarray(0, whole)), `torn at ${end}`).to.equal(true);
      expect(await bench.verify(), `torn at ${end}`).to.deep.include({ type: 'whole', uncovered: 0 });
      const cut = {
        type: 'trail-cut',
        bytes: end - whole,
        sha256: createHash('sha256').update(torn.subarray(whole)).digest('hex'),
      };
      const cuts = marks(await bench.lines(), 'trail-cut');
      expect(cuts, `torn at ${end}`).to.have.length(whole === end ? 0 : 1);
      expect(events).to.have.length(cuts.length);
      for (const { parsed } of cuts) expect(parsed).to.deep.include(cut);
    }
  });

  it('begins anew where the first line ever was torn', async () => {
    mkdirSync(`${bench.folder}/${slot}`);
    writeFileSync(bench.path(1), '{"trail":{"stre');
    const writer = await bench.open();
    await writer.append(makeRecord());
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 1 });
    expect(marks(await bench.lines(), 'trail-cut')).to.have.length(1);
  });

  it('goes on in a segment whose first write was torn or never came', async () => {
    const first = await bench.open();
    await first.append(makeRecord());
    await first.close();
    for (const torn of ['', '{"trail":{"stream":"00', '\0'.repeat(5000)]) {
      writeFileSync(bench.path(2), torn);
      const writer = await bench.open();
      await writer.append(makeRecord());
      await writer.close();
      expect(writer.streamId).to.equal(first.streamId);
      expect(await bench.verify()).to.deep.include({ type: 'whole', records: 2 });
      expect(marks(await bench.lines(), 'trail-cut')).to.have.length(torn === '' ? 0 : 1);
    }
  });

  it('cuts a last group with a hole in it, as a power failure may leave', async () => {
    const { bytes, lastGroup } = await writeThree();
    const holed = Buffer.from(bytes).fill(0, lastGroup + 100, lastGroup + 1500);
    writeFileSync(bench.path(1), holed);
    const writer = await bench.open();
    await writer.close();
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 2 });
    expect(marks(await bench.lines(), 'trail-cut').map(({ parsed }) => parsed)[0]).to.deep.include({
      bytes: bytes.length - lastGroup,
    });
  });

  const open = () =>
    bench.open().then(
      () => 'opened',
      (error: { code: string }) => error.code,
    );

  it('refuses what a crash can’t have done', async () => {
    const { bytes, lastGroup } = await writeThree();
    const wrong: Record<string, Buffer> = {
      'a hole before the last group': Buffer.from(bytes).fill(0, lastGroup - 900, lastGroup - 800),
      'a changed byte before the last group': Buffer.from(bytes).fill('x', lastGroup - 5, lastGroup - 4),
      'a line that is JSON and none of a trail’s': Buffer.concat([
        bytes,
        Buffer.from('{"level":30,"msg":"hello"}\n'),
      ]),
      'a tail longer than a group': Buffer.concat([bytes, Buffer.alloc(4 * 1024 * 1024)]),
    };
    for (const [what, content] of Object.entries(wrong)) {
      writeFileSync(bench.path(1), content);
      expect(await open(), what).to.equal('damaged');
      expect(Buffer.from(bench.text()).length, what).to.equal(content.length);
    }
  });

  it('refuses a torn segment that is not the last, and a folder in a file’s place', async () => {
    const { bytes } = await writeThree();
    writeFileSync(bench.path(2), '');
    truncateSync(bench.path(1), bytes.length - 3);
    expect(await open()).to.equal('damaged');
    mkdirSync(bench.path(3));
    expect(await open()).to.equal('damaged');
  });

  it('reads the end alone of a segment longer than a group can be', async () => {
    const writer = await bench.open({ segmentBytes: 64 * 1024 * 1024 });
    const long = makeRecord({ text: 'x'.repeat(200_000) });
    for (let index = 0; index < 30; index += 1)
      await writer.append({ ...long, eventID: crypto.randomUUID() });
    await writer.close();
    const end = Buffer.byteLength(bench.text());
    appendFileSync(bench.path(1), '{"eventVersion":"1.11"');
    const again = await bench.open({ segmentBytes: 64 * 1024 * 1024 });
    expect(Buffer.byteLength(bench.text())).to.be.greaterThan(end);
    expect(again.head.sequence).to.equal(writer.head.sequence + 2);
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 30 });
  });
});
