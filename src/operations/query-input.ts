import { z } from 'zod';

/** What members of AWS Query are made of: every scalar is a string, and an empty list the empty string. */

export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, { abort: true })
    .transform(Number)
    .pipe(z.int().min(min).max(max));

export const boolean = z.enum(['true', 'false']).transform((text) => text === 'true');

export const list = <T extends z.ZodType>(item: T, most: number) =>
  z.preprocess((value) => (value === '' ? [] : value), z.array(item).max(most));
