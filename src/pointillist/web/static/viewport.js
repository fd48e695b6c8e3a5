// From image pixels to screen pixels and back: one scale and one offset.

const LARGEST = 64;
const MARGIN = { side: 24, top: 20, bottom: 68 }; // the toolbar is at the bottom

export class Viewport {
  scale = 1;
  x = 0;
  y = 0;
  width = 1;
  height = 1;
  #image = { width: 1, height: 1 };
  #fitted = true;

  /** Tells the size of the screen area in CSS pixels; what is fitted stays fitted. */
  resize(width, height) {
    [this.width, this.height] = [width, height];
    if (this.#fitted) this.fit();
  }

  setImage(width, height) {
    this.#image = { width, height };
    this.fit();
  }

  get fitScale() {
    return Math.min(
      (this.width - 2 * MARGIN.side) / this.#image.width,
      (this.height - MARGIN.top - MARGIN.bottom) / this.#image.height,
    );
  }

  fit() {
    this.scale = Math.max(this.fitScale, 1e-3);
    this.x = (this.width - this.#image.width * this.scale) / 2;
    this.y = (this.height + MARGIN.top - MARGIN.bottom - this.#image.height * this.scale) / 2;
    this.#fitted = true;
  }

  /** Shows a box of the image with some room around it. */
  show([x, y, width, height]) {
    const scale = Math.min(this.width / Math.max(width, 8), this.height / Math.max(height, 8)) * 0.7;
    this.scale = this.#limited(scale);
    this.x = this.width / 2 - (x + width / 2) * this.scale;
    this.y = this.height / 2 - (y + height / 2) * this.scale;
    this.#fitted = false;
  }

  #limited(scale) {
    return Math.min(Math.max(scale, this.fitScale / 4), LARGEST);
  }

  /** Zooms by a factor; the image point under (x, y) on the screen stays there. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = this.#limited(this.scale * factor);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.#fitted = false;
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#fitted = false;
  }

  toScreen(x, y) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  toImage(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }
}
