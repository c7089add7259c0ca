// Plays the games of a film beside each other: step by keys, by a slider or by itself. A link can name a step: #step=12.
"use strict";

// The colour of heat: none that a game of ours draws with.
const HEAT = "255, 64, 200";

class Game {
  constructor(film, game) {
    this.film = film;
    this.game = game;
    this.at = -1;
    this.cells = [];
    this.heat = [];
    this.node = document.createElement("section");
    this.node.className = "game";
    const title = document.createElement("h3");
    title.textContent = game.name;
    this.canvas = document.createElement("canvas");
    this.canvas.width = film.columns * film.tile;
    this.canvas.height = film.rows * film.tile;
    this.canvas.setAttribute("role", "img");
    this.said = document.createElement("p");
    this.said.className = "said";
    this.moves = document.createElement("div");
    this.moves.className = "moves";
    this.node.append(title, this.canvas, this.said, this.moves);
    this.sheet = new Image();
    this.sheet.addEventListener("load", () => { this.loaded = true; this.redraw(); });
    this.sheet.src = film.sheet;
  }

  get length() { return this.game.frames.length; }

  show(step) {
    const last = Math.min(step, this.length - 1);
    if (last < this.at) { this.at = -1; this.cells = []; this.heat = []; }
    while (this.at < last) {
      this.at += 1;
      const { cells, heat = [] } = this.game.frames[this.at], levels = this.film.heats;
      for (let i = 0; i < cells.length; i += 2) this.cells[cells[i]] = cells[i + 1];
      heat.forEach((code) => { this.heat[Math.floor(code / levels)] = code % levels; });
    }
    this.redraw();
    this.tell(this.game.frames[last], step > last);
  }

  redraw() {
    if (!this.loaded) return;
    const { tile, columns, sprites } = this.film;
    const pen = this.canvas.getContext("2d");
    this.cells.forEach((sprite, cell) => {
      const x = (cell % columns) * tile, y = Math.floor(cell / columns) * tile;
      pen.drawImage(this.sheet, (sprite % sprites) * tile, Math.floor(sprite / sprites) * tile, tile, tile, x, y, tile, tile);
    });
    if (this.film.showHeat) this.heat.forEach((level, cell) => {
      const share = level / (this.film.heats - 1);
      if (!share) return;
      pen.fillStyle = `rgba(${HEAT}, ${0.1 + 0.6 * share})`;
      pen.fillRect((cell % columns) * tile + 1, Math.floor(cell / columns) * tile + 1, tile - 2, tile - 2);
    });
  }

  tell(frame, over) {
    const end = frame.end ? ` It ended: ${frame.end}.` : "";
    this.said.textContent = `Move ${frame.steps}, score ${frame.score}.${end}`;
    this.canvas.setAttribute("aria-label", `${this.game.name}: ${this.said.textContent}`);
    this.moves.replaceChildren();
    if (!frame.odds) return;
    const head = ["move", "the policy's odds", "", frame.regret ? "regret" : ""];
    head.forEach((text) => { const cell = document.createElement("span"); cell.className = "dim"; cell.textContent = text; this.moves.append(cell); });
    const best = frame.regret ? Math.min(...frame.regret) : null;
    this.film.actions.forEach((name, action) => {
      const label = document.createElement("span");
      label.className = action === frame.action ? "name chosen" : "name";
      label.textContent = (action === frame.action ? "▸ " : "") + name;
      const bar = document.createElement("progress");
      bar.max = 1;
      bar.value = frame.odds[action];
      bar.setAttribute("aria-label", `odds of ${name}`);
      const share = document.createElement("span");
      share.textContent = frame.odds[action].toFixed(2);
      const regret = document.createElement("span");
      regret.textContent = frame.regret ? frame.regret[action].toFixed(2) + (frame.regret[action] === best ? " ★" : "") : "";
      this.moves.append(label, bar, share, regret);
    });
  }
}

class Player {
  constructor(place) {
    this.place = place;
    this.film = JSON.parse(document.getElementById(place.dataset.film).textContent);
    this.games = this.film.games.map((game) => new Game(this.film, game));
    this.last = Math.max(...this.games.map((game) => game.length)) - 1;
    this.speed = 8;
    this.timer = null;
    place.append(this.controls(), ...this.games.map((game) => game.node));
    place.addEventListener("keydown", (event) => this.key(event));
    const named = document.body.classList.contains("whole") ? null : new URLSearchParams(location.hash.slice(1)).get("step");
    this.go(named === null ? 0 : Number.parseInt(named, 10) || 0);
  }

  controls() {
    const row = document.createElement("div");
    row.className = "bar-row";
    const button = (text, label, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.setAttribute("aria-label", label);
      made.addEventListener("click", act);
      row.append(made);
      return made;
    };
    button("start", "to the beginning", () => this.go(0));
    button("◀", "one step back", () => this.go(this.at - 1));
    this.play = button("▶ play", "play or pause", () => this.toggle());
    button("▶", "one step on", () => this.go(this.at + 1));
    button("end", "to the end", () => this.go(this.last));
    const differ = this.firstDifference();
    if (differ !== null) button("first different move", "to the first move in which the games differ", () => this.go(differ));
    if (this.games.some((game) => game.game.lit)) {
      this.film.showHeat = true;
      this.light = button("what decides", "show or hide what decides the moves", () => this.toggleHeat());
      this.light.setAttribute("aria-pressed", "true");
    }
    const speed = document.createElement("select");
    speed.setAttribute("aria-label", "speed");
    [[2, "slow"], [8, "normal"], [24, "fast"], [60, "very fast"]].forEach(([value, name]) => {
      const one = new Option(name, String(value), value === 8, value === 8);
      speed.append(one);
    });
    speed.addEventListener("change", () => { this.speed = Number(speed.value); if (this.timer) { this.toggle(); this.toggle(); } });
    this.slider = document.createElement("input");
    this.slider.type = "range";
    this.slider.max = String(this.last);
    this.slider.setAttribute("aria-label", "step");
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.count = document.createElement("span");
    row.append(speed, this.slider, this.count);
    return row;
  }

  firstDifference() {
    if (this.games.length < 2) return null;
    const [a, b] = this.games.map((game) => game.game.frames);
    const found = a.findIndex((frame, step) => !b[step] || frame.action !== b[step].action);
    return found < 0 ? null : found;
  }

  go(step) {
    this.at = Math.min(Math.max(step, 0), this.last);
    this.games.forEach((game) => game.show(this.at));
    this.slider.value = String(this.at);
    this.slider.setAttribute("aria-valuetext", `step ${this.at} of ${this.last}`);
    this.count.textContent = `step ${this.at} of ${this.last}`;
    if (!document.body.classList.contains("whole")) {
      history.replaceState(null, "", `#step=${this.at}`);
      document.querySelectorAll("a[data-step]").forEach((link) => { link.hash = `step=${this.at}`; });
    }
    if (this.at === this.last && this.timer) this.toggle();
  }

  toggle() {
    if (this.timer) { clearInterval(this.timer); this.timer = null; this.play.textContent = "▶ play"; return; }
    if (this.at === this.last) this.go(0);
    this.play.textContent = "❚❚ pause";
    this.timer = setInterval(() => this.go(this.at + 1), 1000 / this.speed);
  }

  toggleHeat() {
    if (!this.light) return;
    this.film.showHeat = !this.film.showHeat;
    this.light.setAttribute("aria-pressed", String(this.film.showHeat));
    this.games.forEach((game) => game.redraw());
  }

  key(event) {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = { ArrowRight: () => this.go(this.at + 1), ArrowLeft: () => this.go(this.at - 1), Home: () => this.go(0), End: () => this.go(this.last), " ": () => this.toggle(), s: () => this.toggleHeat() };
    if (!acts[event.key] || (event.key === " " && event.target.tagName === "BUTTON")) return;
    event.preventDefault();
    acts[event.key]();
  }
}

document.querySelectorAll("[data-film]").forEach((place) => new Player(place));
