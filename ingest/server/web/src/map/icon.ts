/** The icon of a station, drawn on a canvas for the graphics card. */
import type { StationState } from '../contract.ts';
import type { Palette } from '../palette.ts';
import { SHAPES } from './shapes.ts';

export const ICON_RATIO = 2;
const SIZE = 48;
const ICON = /^pin:(fresh|late|lost|never):([0-5]):([01])$/;

/** Draws `pin:<state>:<level>:<selected>`; null for any other name. */
export function drawIcon(name: string, palette: Palette): ImageData | null {
  const found = ICON.exec(name);
  if (!found) return null;
  const state = found[1] as StationState;
  const level = Number(found[2]);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIZE * ICON_RATIO;
  const ctx = canvas.getContext('2d');
  if (!ctx) return null;
  ctx.scale(ICON_RATIO, ICON_RATIO);
  ctx.translate(SIZE / 2, SIZE / 2);
  if (level > 0) drawWarning(ctx, level, palette);
  if (found[3] === '1') drawSelection(ctx, palette);
  drawShape(ctx, state, palette);
  if (level > 0) drawBadge(ctx, level, palette);
  return ctx.getImageData(0, 0, canvas.width, canvas.height);
}

function circle(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
}

function drawWarning(ctx: CanvasRenderingContext2D, level: number, palette: Palette): void {
  const colour = palette.levels[level] ?? palette.lost;
  circle(ctx, 0, 0, 17);
  ctx.globalAlpha = 0.35;
  ctx.fillStyle = colour;
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.lineWidth = 3;
  ctx.strokeStyle = colour;
  ctx.stroke();
}

function drawSelection(ctx: CanvasRenderingContext2D, palette: Palette): void {
  circle(ctx, 0, 0, 21);
  ctx.lineWidth = 2;
  ctx.strokeStyle = palette.accent;
  ctx.stroke();
}

function drawShape(ctx: CanvasRenderingContext2D, state: StationState, palette: Palette): void {
  const shape = SHAPES[state];
  const outline = new Path2D(shape.outline);
  ctx.save();
  ctx.translate(-12, -12);
  ctx.lineJoin = 'round';
  ctx.lineCap = 'round';
  ctx.lineWidth = 6;
  ctx.strokeStyle = palette.halo;
  ctx.stroke(outline);
  ctx.fillStyle = shape.hollow ? palette.halo : palette[state];
  ctx.fill(outline);
  if (shape.hollow) {
    ctx.lineWidth = 2.4;
    ctx.strokeStyle = palette[state];
    ctx.stroke(outline);
  }
  if (shape.inside) {
    ctx.lineWidth = 2.4;
    ctx.strokeStyle = palette.halo;
    ctx.stroke(new Path2D(shape.inside));
  }
  ctx.restore();
}

function drawBadge(ctx: CanvasRenderingContext2D, level: number, palette: Palette): void {
  circle(ctx, 14, -14, 8.5);
  ctx.fillStyle = palette.levels[level] ?? palette.lost;
  ctx.fill();
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = palette.halo;
  ctx.stroke();
  ctx.fillStyle = palette.onLevels[level] ?? '#000';
  ctx.font = 'bold 12px system-ui, sans-serif';
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillText(String(level), 14, -13.5);
}
