// One pass over memory for what torch does in several: RMS norm, SwiGLU, softmax of logits. Row lengths are multiples of
// W; sums in float32, in an order that does not depend on the number of threads.
#include <algorithm>
#include <vector>

#include "lanes.h"

constexpr int BLOCK = 64;  // rows whose weight gradients are added up together

// y = w x / rms(x) (Zhang & Sennrich 2019, eq. 4); inverse[t] = 1 / rms.
template <class Y>
static void norm(const float* x, const float* w, float epsilon, Y* y, float* inverse, long rows, int size, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (long t = 0; t < rows; t++) {
    const float* row = x + t * size;
    vec squares = {};
    for (int d = 0; d < size; d += W) squares += load(row + d) * load(row + d);
    const float scale = inverse[t] = 1.0f / std::sqrt(sum(squares) / size + epsilon);
    for (int d = 0; d < size; d += W) store(y + t * size + d, load(row + d) * scale * load(w + d));
  }
}

template <class Y>
static void norm_back(const float* x, const float* w, const float* inverse, const Y* grad, float* dx, float* dw, long rows,
                      int size, int threads) {
  const long blocks = (rows + BLOCK - 1) / BLOCK;
  std::vector<float> parts(blocks * size, 0.0f);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (long b = 0; b < blocks; b++)
    for (long t = b * BLOCK; t < std::min(rows, (b + 1) * BLOCK); t++) {
      const float* row = x + t * size;
      const Y* g = grad + t * size;
      const float scale = inverse[t];
      vec dots = {};
      for (int d = 0; d < size; d += W) dots += load(g + d) * load(w + d) * load(row + d);
      const float along = sum(dots) * scale * scale / size;
      for (int d = 0; d < size; d += W) {
        const vec unit = load(row + d), change = load(g + d);
        store(dx + t * size + d, (change * load(w + d) - unit * along) * scale);
        float* part = parts.data() + b * size + d;
        store(part, load(part) + change * unit * scale);
      }
    }
  if (!dw) return;
  std::fill(dw, dw + size, 0.0f);
  for (long b = 0; b < blocks; b++)
    for (int d = 0; d < size; d++) dw[d] += parts[b * size + d];
}

static inline vec sigmoid(vec x) { return 1.0f / (1.0f + vexp(-x > 80.0f ? all(80.0f) : -x)); }

template <class X>
static void swiglu(const X* gate, const X* up, X* y, long n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (long i = 0; i < n; i += W) {
    const vec g = load(gate + i);
    store(y + i, g * sigmoid(g) * load(up + i));
  }
}

template <class X>
static void swiglu_back(const X* gate, const X* up, const X* grad, X* dgate, X* dup, long n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (long i = 0; i < n; i += W) {
    const vec g = load(gate + i), s = sigmoid(g), change = load(grad + i);
    store(dgate + i, change * load(up + i) * s * (1.0f + g * (1.0f - s)));
    store(dup + i, change * g * s);
  }
}

// In place x -> exp(x - max) a row; total, log-prob of the target, and the entropy where asked for.
static void soften(bf16* x, const int64_t* target, float* total, float* logp, float* entropy, long rows, long size,
                   int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (long n = 0; n < rows; n++) {
    bf16* row = x + n * size;
    vec top = load(row);
    for (long v = W; v < size; v += W) top = larger(top, load(row + v));
    const float most = largest(top), chosen = load1(row + target[n]) - most;
    float all_of_it = 0, weighted = 0;
    for (long from = 0; from < size; from += 64 * W) {  // short sums first: less rounding
      vec part = {}, product = {};
      for (long v = from; v < std::min(size, from + 64 * W); v += W) {
        const vec shifted = load(row + v) - most, e = vexp(shifted);
        part += e;
        if (entropy) product += shifted * e;
        store(row + v, e);
      }
      all_of_it += sum(part);
      weighted += sum(product);
    }
    const float log_total = std::log(all_of_it);
    total[n] = all_of_it;
    logp[n] = chosen - log_total;
    if (entropy) entropy[n] = log_total - weighted / all_of_it;
  }
}

extern "C" {

void trimtab_norm(const float* x, const float* w, float epsilon, void* y, float* inverse, long rows, int size, int half,
                  int threads) {
  if (half) norm(x, w, epsilon, (bf16*)y, inverse, rows, size, threads);
  else norm(x, w, epsilon, (float*)y, inverse, rows, size, threads);
}

void trimtab_norm_back(const float* x, const float* w, const float* inverse, const void* grad, float* dx, float* dw,
                       long rows, int size, int half, int threads) {
  if (half) norm_back(x, w, inverse, (const bf16*)grad, dx, dw, rows, size, threads);
  else norm_back(x, w, inverse, (const float*)grad, dx, dw, rows, size, threads);
}

void trimtab_swiglu(const void* gate, const void* up, void* y, long n, int half, int threads) {
  if (half) swiglu((const bf16*)gate, (const bf16*)up, (bf16*)y, n, threads);
  else swiglu((const float*)gate, (const float*)up, (float*)y, n, threads);
}

void trimtab_swiglu_back(const void* gate, const void* up, const void* grad, void* dgate, void* dup, long n, int half,
                         int threads) {
  if (half) swiglu_back((const bf16*)gate, (const bf16*)up, (const bf16*)grad, (bf16*)dgate, (bf16*)dup, n, threads);
  else swiglu_back((const float*)gate, (const float*)up, (const float*)grad, (float*)dgate, (float*)dup, n, threads);
}

void trimtab_soften(void* x, const int64_t* target, float* total, float* logp, float* entropy, long rows, long size,
                    int threads) {
  soften((bf16*)x, target, total, logp, entropy, rows, size, threads);
}
}
