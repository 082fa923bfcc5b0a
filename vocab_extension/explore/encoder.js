"use strict";
// Byte-level BPE, as the `tokenizers` library does it. Checked against it by a test that runs this in a browser.

const LINE = 10;

// GPT-2's spelling of bytes: printable Latin-1 stands for itself, the others are U+0100 and up, in order.
const CHARACTER_OF_BYTE = (() => {
  const printable = (b) => (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  const table = new Array(256);
  let next = 0x100;
  for (let b = 0; b < 256; b++) table[b] = String.fromCharCode(printable(b) ? b : next++);
  return table;
})();
const BYTE_OF_CHARACTER = new Map(CHARACTER_OF_BYTE.map((character, b) => [character, b]));

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = new Uint8Array(await new Response(stream).arrayBuffer());
  const headEnd = data.indexOf(LINE);
  const head = JSON.parse(new TextDecoder().decode(data.subarray(0, headEnd)));
  const tokensEnd = headEnd + 1 + head.bytes;
  const names = new TextDecoder().decode(data.subarray(headEnd + 1, tokensEnd)).split("\n");
  const pairs = new Uint32Array(data.slice(tokensEnd).buffer);
  return { names, left: pairs.subarray(0, head.merges), right: pairs.subarray(head.merges) };
}

class Tokenizer {
  // One table serves the base and its extension: for the base, merges behind its own are not done, and whole words
  // that are new tokens are not looked up.
  constructor(data, settings) {
    this.names = data.names;
    this.settings = settings;
    this.ids = new Map();
    data.names.forEach((name, id) => { if (name) this.ids.set(name, id); });
    for (const [content, id] of settings.added) this.names[id] = content;
    this.added = new Map(settings.added.map(([content, id]) => [content, id]));
    this.newIds = new Set();
    for (const [first, last] of settings.newIds) for (let id = first; id <= last; id++) this.newIds.add(id);
    this.merges = new Map();
    for (let rank = 0; rank < data.left.length; rank++) {
      const product = this.ids.get(data.names[data.left[rank]] + data.names[data.right[rank]]);
      this.merges.set(data.left[rank] * 4194304 + data.right[rank], [rank, product]);
    }
    this.patterns = settings.patterns.map((pattern) => new RegExp(pattern, "gu"));
    const escaped = settings.added.map(([content]) => content).sort((a, b) => b.length - a.length)
      .map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
    this.special = escaped.length ? new RegExp(escaped.join("|"), "gu") : null;
    this.newSpecial = new Set(settings.added.filter(([, , fresh]) => fresh).map(([content]) => content));
    this.kept = { true: new Map(), false: new Map() };
  }

  // The ids of a text: of the extension, or of the base alone.
  encode(text, extended) {
    const found = [];
    for (const [piece, id] of this.#parts(text, extended)) {
      if (id !== null) found.push(id);
      else for (const word of this.pretokens(this.settings.normalize ? piece.normalize("NFC") : piece)) {
        for (const one of this.#word(word, extended)) found.push(one);
      }
    }
    return found;
  }

  // Added tokens are taken out before the text is cut.
  *#parts(text, extended) {
    let at = 0;
    for (const match of this.special ? text.matchAll(this.special) : []) {
      if (!extended && this.newSpecial.has(match[0])) continue;
      if (match.index > at) yield [text.slice(at, match.index), null];
      yield [match[0], this.added.get(match[0])];
      at = match.index + match[0].length;
    }
    if (at < text.length) yield [text.slice(at), null];
  }

  // Each pattern cuts the pieces of the one before; matches and what lies between are pieces alike.
  pretokens(text) {
    let pieces = [text];
    for (const pattern of this.patterns) {
      const cut = [];
      for (const piece of pieces) {
        let at = 0;
        for (const match of piece.matchAll(pattern)) {
          if (!match[0]) continue;
          if (match.index > at) cut.push(piece.slice(at, match.index));
          cut.push(match[0]);
          at = match.index + match[0].length;
        }
        if (at < piece.length) cut.push(piece.slice(at));
      }
      pieces = cut;
    }
    return pieces;
  }

  #word(word, extended) {
    const kept = this.kept[extended];
    let ids = kept.get(word);
    if (!ids) {
      ids = this.#merged(word, extended);
      if (kept.size > 50000) kept.clear();
      kept.set(word, ids);
    }
    return ids;
  }

  #merged(word, extended) {
    const spelled = Array.from(new TextEncoder().encode(word), (b) => CHARACTER_OF_BYTE[b]);
    // A byte without a token is left out; some tokenizers also cut the word there.
    const runs = [[]];
    for (const c of spelled) {
      if (this.ids.has(c)) runs.at(-1).push(c);
      else if (this.settings.cutsAtMissing) runs.push([]);
    }
    return runs.flatMap((run) => this.#joined(run, extended));
  }

  #joined(run, extended) {
    if (this.settings.wholeWords) {
      const whole = this.ids.get(run.join(""));
      if (whole !== undefined && (extended || !this.newIds.has(whole))) return [whole];
    }
    return this.#merge(run.map((c) => this.ids.get(c)), extended ? Infinity : this.settings.baseMerges);
  }

  #merge(ids, limit) {
    for (;;) {
      let best = null, at = -1;
      for (let i = 0; i + 1 < ids.length; i++) {
        const merge = this.merges.get(ids[i] * 4194304 + ids[i + 1]);
        if (merge && merge[0] < limit && (best === null || merge[0] < best[0])) { best = merge; at = i; }
      }
      if (best === null) return ids;
      ids.splice(at, 2, best[1]);
    }
  }

  // The base tokens that a token is made of, by merges alone.
  pieces(id) {
    const ids = Array.from(this.names[id], (c) => this.ids.get(c));
    return ids.includes(undefined) ? [] : this.#merge(ids, this.settings.baseMerges);
  }

  // The bytes of a token; those of its text for an added one.
  bytes(id) {
    const name = this.names[id];
    if (this.added.get(name) === id) return new TextEncoder().encode(name);
    return Uint8Array.from(name, (c) => BYTE_OF_CHARACTER.get(c));
  }

  // A token as people read it; bytes that are no whole character in hex.
  shown(id) {
    const bytes = this.bytes(id);
    try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); }
    catch { return Array.from(bytes, (b) => "⟨" + b.toString(16).toUpperCase().padStart(2, "0") + "⟩").join(""); }
  }

  isWhole(id) {
    try { new TextDecoder("utf-8", { fatal: true }).decode(this.bytes(id)); return true; } catch { return false; }
  }
}
