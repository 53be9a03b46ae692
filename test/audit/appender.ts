/**
 * The child of kill.test.ts: appends to the trail in the folder it is given until it is killed. Writes each event
 * id to its standard output once the record is acknowledged.
 */
import { writeSync } from 'node:fs';
import { openTrail } from '../../src/audit/writer.ts';
import { systemClock } from '../../src/clock.ts';
import { mac, makeRecord, slot } from './fixture.ts';

const [folder = ''] = process.argv.slice(2);
const trail = await openTrail({ folder, slot, segmentBytes: 50_000, mac, clock: systemClock });
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (;;) {
      const record = makeRecord();
      await trail.append(record);
      writeSync(1, `${record.eventID}\n`);
    }
  }),
);
