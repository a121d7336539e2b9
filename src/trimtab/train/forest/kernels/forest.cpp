// Attention over a packed forest with grouped key/value heads and rotary positions, forward and backward, in float32.
//
// T packed tokens, H query heads, G key/value heads, D head size (a multiple of W), S segments (depth first, parents
// before children). A token sees its own segment up to itself and all of its ancestors.
// Tiles: KEYS keys (lanes), ROWS queries. Keys and values are laid out once a call with KEYS lanes side by side
// ("transposed"), so that a dot product over D is D fused multiply-adds of whole vectors.
#include <omp.h>
#include <algorithm>
#include <utility>
#include <vector>

#include "lanes.h"

constexpr int DOT_LANES = 3, KEYS = DOT_LANES * W, ROWS = 24, SUM_ROWS = 6;

struct Tree {
  int T, H, G, D, S;
  const int *start, *length, *parent, *end;  // end: one past the last descendant's last token
};

// Elements between neighbouring tokens, and between neighbouring heads.
struct Strides {
  long token, head;
};

// c[i][KEYS] = sum_d a[i][d] b[d][KEYS] for DOT_ROWS rows.
static inline void dot_tile(const float* a, int D, const float* b, float* c) {
  vec acc[DOT_ROWS][DOT_LANES] = {};
  for (int d = 0; d < D; d++) {
    vec lanes[DOT_LANES];
#pragma GCC unroll 3
    for (int v = 0; v < DOT_LANES; v++) lanes[v] = *(const vec*)(b + (long)d * KEYS + v * W);
#pragma GCC unroll 8
    for (int i = 0; i < DOT_ROWS; i++) {
      vec x = all(a[(long)i * D + d]);
#pragma GCC unroll 3
      for (int v = 0; v < DOT_LANES; v++) acc[i][v] += x * lanes[v];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < DOT_ROWS; i++)
#pragma GCC unroll 3
    for (int v = 0; v < DOT_LANES; v++) *(vec*)(c + (long)i * KEYS + v * W) = acc[i][v];
}

static inline void dot(const float* a, int rows, int D, const float* b, float* c) {
  for (int i = 0; i < rows; i += DOT_ROWS) dot_tile(a + (long)i * D, D, b, c + (long)i * KEYS);
}

// c[i][0:L*W] += sum_k w[i * across + k * along] b[k][0:L*W] for SUM_ROWS rows.
template <int L>
static inline void sum_tile(const float* w, int across, int along, const float* b, float* c, int D, int n) {
  vec acc[SUM_ROWS][L];
#pragma GCC unroll 6
  for (int i = 0; i < SUM_ROWS; i++)
#pragma GCC unroll 4
    for (int v = 0; v < L; v++) acc[i][v] = load(c + (long)i * D + v * W);
  for (int k = 0; k < n; k++) {
    vec lanes[L];
#pragma GCC unroll 4
    for (int v = 0; v < L; v++) lanes[v] = load(b + (long)k * D + v * W);
#pragma GCC unroll 6
    for (int i = 0; i < SUM_ROWS; i++) {
      vec x = all(w[i * across + k * along]);
#pragma GCC unroll 4
      for (int v = 0; v < L; v++) acc[i][v] += x * lanes[v];
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < SUM_ROWS; i++)
#pragma GCC unroll 4
    for (int v = 0; v < L; v++) store(c + (long)i * D + v * W, acc[i][v]);
}

static inline void weighted(const float* w, int across, int along, const float* b, float* c, int rows, int D, int n) {
  for (int i = 0; i < rows; i += SUM_ROWS) {
    int d = 0;
    for (; d + SUM_LANES * W <= D; d += SUM_LANES * W)
      sum_tile<SUM_LANES>(w + i * across, across, along, b + d, c + (long)i * D + d, D, n);
    for (; d < D; d += W) sum_tile<1>(w + i * across, across, along, b + d, c + (long)i * D + d, D, n);
  }
}

// y = x cos + rotate_half(x) sin (Su et al. 2021, eq. 34, as halves), or its transpose; cos == nullptr copies.
template <class X, class Y>
static void rotate(const X* x, Y* y, const float* cos, const float* sin, int D, bool transposed) {
  if (!cos) {
    for (int d = 0; d < D; d += W) store(y + d, load(x + d));
    return;
  }
  const int half = D / 2;
  for (int d = 0; d < half; d += W) {
    vec low = load(x + d), high = load(x + half + d), s0 = load(sin + d), s1 = load(sin + half + d);
    vec c0 = load(cos + d), c1 = load(cos + half + d);
    store(y + d, transposed ? low * c0 + high * s1 : low * c0 - high * s0);
    store(y + half + d, transposed ? high * c1 - low * s0 : high * c1 + low * s1);
  }
}

// First tile of each segment.
static std::vector<int> tiles_of(const Tree& f) {
  std::vector<int> first(f.S + 1, 0);
  for (int s = 0; s < f.S; s++) first[s + 1] = first[s] + (f.length[s] + KEYS - 1) / KEYS;
  return first;
}

// plain[h][t][D] float32 of x, rotated.
template <class X>
static void widen(const X* x, Strides at, int heads, const Tree& f, const float* cos, const float* sin, float* plain,
                  int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int t = 0; t < f.T; t++)
    for (int h = 0; h < heads; h++)
      rotate(x + t * at.token + h * at.head, plain + ((long)h * f.T + t) * f.D, cos ? cos + (long)t * f.D : nullptr,
             sin ? sin + (long)t * f.D : nullptr, f.D, false);
}

// lanes[g][tile][d][KEYS] of plain[g][t][d], zeros after a segment's last key.
static void transpose(const float* plain, const Tree& f, const std::vector<int>& first, float* lanes, int threads) {
  const long tiles = first[f.S];
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) collapse(2)
  for (int g = 0; g < f.G; g++)
    for (int s = 0; s < f.S; s++)
      for (int tile = first[s]; tile < first[s + 1]; tile++) {
        float* out = lanes + ((long)g * tiles + tile) * f.D * KEYS;
        int key = (tile - first[s]) * KEYS, n = std::min(KEYS, f.length[s] - key);
        const float* in = plain + ((long)g * f.T + f.start[s] + key) * f.D;
        for (int d = 0; d < f.D; d++)
          for (int j = 0; j < KEYS; j++) out[(long)d * KEYS + j] = j < n ? in[(long)j * f.D + d] : 0.0f;
      }
}

// The running softmax of ROWS queries (Milakov & Gimelshein 2018, algorithm 3).
struct Running {
  float most[ROWS], total[ROWS];
};

// One tile of scores into weights in place; rescales what was summed before.
static inline void soften(float* scores, Running& run, float* out, int rows, int D) {
  for (int i = 0; i < rows; i++) {
    float* row = scores + (long)i * KEYS;
    vec top = *(vec*)row;
    for (int v = 1; v < DOT_LANES; v++) top = larger(top, *(vec*)(row + v * W));
    float most = std::max(run.most[i], largest(top));
    if (most == -INFINITY) {  // nothing seen yet
      for (int v = 0; v < DOT_LANES; v++) *(vec*)(row + v * W) = vec{};
      continue;
    }
    vec added = {};
    for (int v = 0; v < DOT_LANES; v++) {
      vec p = vexp(*(vec*)(row + v * W) - most);
      *(vec*)(row + v * W) = p;
      added += p;
    }
    if (most > run.most[i]) {
      float shrink = run.most[i] == -INFINITY ? 0.0f : std::exp(run.most[i] - most);
      run.total[i] *= shrink;
      run.most[i] = most;
      for (int d = 0; d < D; d += W) store(out + (long)i * D + d, load(out + (long)i * D + d) * shrink);
    }
    run.total[i] += sum(added);
  }
}

// -infinity where key j of a tile that begins at key is hidden from query row + i of the same segment.
static inline void hide(float* scores, int rows, int row, int key, int keys, bool own) {
  for (int i = 0; i < rows; i++) {
    int seen = own ? std::min(keys, row + i - key + 1) : keys;
    for (int j = std::max(seen, 0); j < KEYS; j++) scores[(long)i * KEYS + j] = -INFINITY;
  }
}

template <class X, class Y>
static void forward(const X* q, Strides qs, const X* k, Strides ks, const X* v, Strides vs, const float* cos,
                    const float* sin, Y* out, Strides os, float* lse, const Tree& f, float scale, float* scratch,
                    int threads) {
  const int D = f.D, group = f.H / f.G;
  const std::vector<int> first = tiles_of(f);
  const long tiles = first[f.S], plain = (long)f.G * f.T * D;
  float *keys = scratch, *values = keys + plain, *lanes = values + plain;
  widen(k, ks, f.G, f, cos, sin, keys, threads);
  widen(v, vs, f.G, f, nullptr, nullptr, values, threads);
  transpose(keys, f, first, lanes, threads);
  std::vector<std::pair<int, int>> blocks;  // segment, first row
  for (int s = 0; s < f.S; s++)
    for (int row = 0; row < f.length[s]; row += ROWS) blocks.push_back({s, row});
  const int count = blocks.size();
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4) collapse(2)
  for (int h = 0; h < f.H; h++)
    for (int b = 0; b < count; b++) {
      const int s = blocks[b].first, row = blocks[b].second, rows = std::min(ROWS, f.length[s] - row);
      const int g = h / group, token = f.start[s] + row;
      alignas(64) float query[ROWS * 256], sum_[ROWS * 256], scores[ROWS * KEYS];
      std::fill(query, query + ROWS * D, 0.0f);
      std::fill(sum_, sum_ + ROWS * D, 0.0f);
      for (int i = 0; i < rows; i++) {
        const long t = token + i;
        rotate(q + t * qs.token + h * qs.head, query + i * D, cos ? cos + t * D : nullptr, sin ? sin + t * D : nullptr,
               D, false);
        for (int d = 0; d < D; d++) query[i * D + d] *= scale;
      }
      Running run;
      std::fill(run.most, run.most + ROWS, -INFINITY);
      std::fill(run.total, run.total + ROWS, 0.0f);
      const int padded = (rows + DOT_ROWS - 1) / DOT_ROWS * DOT_ROWS;
      const int summed = (rows + SUM_ROWS - 1) / SUM_ROWS * SUM_ROWS;
      for (int a = s; a >= 0; a = f.parent[a]) {
        const bool own = a == s;
        const int limit = own ? row + rows : f.length[a];
        for (int key = 0; key < limit; key += KEYS) {
          const int n = std::min(KEYS, limit - key);
          dot(query, padded, D, lanes + ((long)g * tiles + first[a] + key / KEYS) * D * KEYS, scores);
          if (n < KEYS || (own && key + KEYS > row + 1)) hide(scores, padded, row, key, n, own);
          soften(scores, run, sum_, padded, D);
          weighted(scores, KEYS, 1, values + ((long)g * f.T + f.start[a] + key) * D, sum_, summed, D, n);
        }
      }
      for (int i = 0; i < rows; i++) {
        const long t = token + i;
        const float share = 1.0f / run.total[i];
        for (int d = 0; d < D; d += W) store(out + t * os.token + h * os.head + d, load(sum_ + i * D + d) * share);
        lse[(long)h * f.T + t] = run.most[i] + std::log(run.total[i]);
      }
    }
}

// One tile of n keys: tokens from `begin` of a tree, in a segment that ends at `own`, seen by tokens up to `end`.
struct Tile {
  int begin, own, end, n;
  const float *keys, *key_lanes, *value_lanes;
};

// Its own gradients, and its part of the gradients of all queries that see it.
static void backward_tile(const Tile& tile, const float* query, const float* change, const float* lse, const float* delta,
                          float* dquery, float* dkey, float* dvalue, int D, float scale) {
  alignas(64) float p[ROWS * KEYS], ds[ROWS * KEYS], dk[KEYS * 256], dv[KEYS * 256];
  std::fill(dk, dk + KEYS * D, 0.0f);
  std::fill(dv, dv + KEYS * D, 0.0f);
  for (int t = tile.begin; t < tile.end; t += ROWS) {
    const int rows = std::min(ROWS, tile.end - t), padded = (rows + DOT_ROWS - 1) / DOT_ROWS * DOT_ROWS;
    dot(query + (long)t * D, padded, D, tile.key_lanes, p);
    dot(change + (long)t * D, padded, D, tile.value_lanes, ds);
    for (int i = 0; i < ROWS; i++) {
      float *pr = p + i * KEYS, *dr = ds + i * KEYS;
      const int seen = i >= rows ? 0 : t + i < tile.own ? std::min(tile.n, t + i - tile.begin + 1) : tile.n;
      if (seen > 0) {
        const float l = lse[t + i], mean = delta[t + i];
        for (int x = 0; x < KEYS; x += W) {
          vec weight = vexp(*(vec*)(pr + x) * scale - l);
          *(vec*)(pr + x) = weight;
          *(vec*)(dr + x) = weight * (*(vec*)(dr + x) - mean) * scale;
        }
      }
      for (int j = seen; j < KEYS; j++) pr[j] = dr[j] = 0.0f;
    }
    weighted(p, 1, KEYS, change + (long)t * D, dv, KEYS, D, rows);
    weighted(ds, 1, KEYS, query + (long)t * D, dk, KEYS, D, rows);
    weighted(ds, KEYS, 1, tile.keys, dquery + (long)t * D, ROWS, D, tile.n);
  }
  std::copy(dk, dk + (long)tile.n * D, dkey);
  std::copy(dv, dv + (long)tile.n * D, dvalue);
}

// Gradients of rotated keys or values back to the inputs': y[t][g] = transposed rotation of the sum over `group` heads.
template <class X>
static void narrow(const float* heads, int group, X* y, const Tree& f, const float* cos, const float* sin, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int t = 0; t < f.T; t++)
    for (int g = 0; g < f.G; g++) {
      alignas(64) float total[256];
      for (int d = 0; d < f.D; d += W) {
        vec x = {};
        for (int r = 0; r < group; r++) x += load(heads + ((long)(g * group + r) * f.T + t) * f.D + d);
        *(vec*)(total + d) = x;
      }
      rotate(total, y + ((long)t * f.G + g) * f.D, cos ? cos + (long)t * f.D : nullptr,
             sin ? sin + (long)t * f.D : nullptr, f.D, true);
    }
}

// Trees of the forest: first segment, one past the last.
static std::vector<std::pair<int, int>> trees_of(const Tree& f) {
  std::vector<std::pair<int, int>> trees;
  for (int s = 0; s < f.S; s++) {
    if (f.parent[s] < 0) trees.push_back({s, s});
    trees.back().second = s + 1;
  }
  return trees;
}

// Floats of one thread's own copies of a tree's queries, gradients and what comes of them, for one head.
static long room_of(const Tree& f) {
  long most = 0;
  for (int s = 0; s < f.S; s++)
    if (f.parent[s] < 0) most = std::max<long>(most, f.end[s] - f.start[s]);
  most += ROWS;  // the last tile reads zeros beyond the last token
  return (3 * most * f.D + most + 15) / 16 * 16;
}

// wide = x; returns x . y.
template <class Y>
static inline float widened_dot(const Y* x, const Y* y, float* wide, int D) {
  vec dots = {};
  for (int d = 0; d < D; d += W) {
    const vec part = load(x + d);
    store(wide + d, part);
    dots += part * load(y + d);
  }
  return sum(dots);
}

template <class X, class Y>
static void backward(const X* q, Strides qs, const X* k, Strides ks, const X* v, Strides vs, const float* cos,
                     const float* sin, const Y* out, const Y* grad, Strides os, const float* lse, X* dq, X* dk, X* dv,
                     const Tree& f, float scale, float* scratch, int threads) {
  const int D = f.D, group = f.H / f.G;
  const std::vector<int> first = tiles_of(f);
  const long tiles = first[f.S], plain = (long)f.G * f.T * D, wide = (long)f.H * f.T * D;
  const long lanes = (long)f.G * tiles * D * KEYS, room = room_of(f);
  float *keys = scratch, *values = keys + plain, *key_lanes = values + plain, *value_lanes = key_lanes + lanes;
  float *dkey = value_lanes + lanes, *dvalue = dkey + wide, *rooms = dvalue + wide;
  widen(k, ks, f.G, f, cos, sin, keys, threads);
  widen(v, vs, f.G, f, nullptr, nullptr, values, threads);
  transpose(keys, f, first, key_lanes, threads);
  transpose(values, f, first, value_lanes, threads);
  const std::vector<std::pair<int, int>> trees = trees_of(f);
  const int count = trees.size();
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) collapse(2)
  for (int b = 0; b < count; b++)
    for (int h = 0; h < f.H; h++) {
      const int g = h / group, begin = f.start[trees[b].first], total = f.end[trees[b].first] - begin;
      const long padded = total + ROWS;
      float *query = rooms + room * omp_get_thread_num(), *change = query + padded * D, *dquery = change + padded * D;
      float* delta = dquery + padded * D;
      std::fill(query + (long)total * D, query + padded * D, 0.0f);
      std::fill(change + (long)total * D, change + padded * D, 0.0f);
      std::fill(dquery, dquery + padded * D, 0.0f);
      for (int i = 0; i < total; i++) {
        const long t = begin + i, at = t * os.token + h * os.head;
        rotate(q + t * qs.token + h * qs.head, query + (long)i * D, cos ? cos + t * D : nullptr,
               sin ? sin + t * D : nullptr, D, false);
        delta[i] = widened_dot(grad + at, out + at, change + (long)i * D, D);
      }
      for (int s = trees[b].first; s < trees[b].second; s++)
        for (int key = 0; key < f.length[s]; key += KEYS) {
          const long lane = ((long)g * tiles + first[s] + key / KEYS) * D * KEYS;
          const long at = (long)h * f.T + f.start[s] + key;
          const Tile tile = {f.start[s] - begin + key,
                             f.start[s] - begin + f.length[s],
                             f.end[s] - begin,
                             std::min(KEYS, f.length[s] - key),
                             keys + ((long)g * f.T + f.start[s] + key) * D,
                             key_lanes + lane,
                             value_lanes + lane};
          backward_tile(tile, query, change, lse + (long)h * f.T + begin, delta, dquery, dkey + at * D, dvalue + at * D, D,
                        scale);
        }
      for (int i = 0; i < total; i++) {
        const long t = begin + i;
        rotate(dquery + (long)i * D, dq + (t * f.H + h) * D, cos ? cos + t * D : nullptr, sin ? sin + t * D : nullptr,
               D, true);
      }
    }
  narrow(dkey, group, dk, f, cos, sin, threads);
  narrow(dvalue, group, dv, f, nullptr, nullptr, threads);
}

extern "C" {

int trimtab_lanes() { return W; }
// Floats of scratch that a call needs.
long trimtab_scratch(const Tree* f, int is_backward, int threads) {
  const long lanes = (long)tiles_of(*f)[f->S] * f->G * f->D * KEYS, plain = 2L * f->G * f->T * f->D;
  if (!is_backward) return plain + lanes;
  return plain + 2 * lanes + 2L * f->H * f->T * f->D + threads * room_of(*f);
}

void trimtab_attend(const void* q, Strides qs, const void* k, Strides ks, const void* v, Strides vs, const float* cos,
                    const float* sin, void* out, Strides os, float* lse, const Tree* f, float scale, float* scratch,
                    int half, int threads) {
  if (half)
    forward((const bf16*)q, qs, (const bf16*)k, ks, (const bf16*)v, vs, cos, sin, (bf16*)out, os, lse, *f, scale,
            scratch, threads);
  else
    forward((const float*)q, qs, (const float*)k, ks, (const float*)v, vs, cos, sin, (float*)out, os, lse, *f, scale,
            scratch, threads);
}

void trimtab_attend_back(const void* q, Strides qs, const void* k, Strides ks, const void* v, Strides vs,
                         const float* cos, const float* sin, const void* out, const void* grad, Strides os,
                         const float* lse, void* dq, void* dk, void* dv, const Tree* f, float scale, float* scratch,
                         int half, int threads) {
  if (half)
    backward((const bf16*)q, qs, (const bf16*)k, ks, (const bf16*)v, vs, cos, sin, (const bf16*)out,
             (const bf16*)grad, os, lse, (bf16*)dq, (bf16*)dk, (bf16*)dv, *f, scale, scratch, threads);
  else
    backward((const float*)q, qs, (const float*)k, ks, (const float*)v, vs, cos, sin, (const float*)out,
             (const float*)grad, os, lse, (float*)dq, (float*)dk, (float*)dv, *f, scale, scratch, threads);
}
}
