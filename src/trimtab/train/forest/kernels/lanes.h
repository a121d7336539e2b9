// Portable vector lanes: W floats, loads from and stores to float32 or bfloat16, exp.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
constexpr int W = 16, DOT_ROWS = 8, SUM_LANES = 4;
#elif defined(__AVX__)
constexpr int W = 8, DOT_ROWS = 4, SUM_LANES = 2;
#else
constexpr int W = 4, DOT_ROWS = 8, SUM_LANES = 4;
#endif

typedef float vec __attribute__((vector_size(4 * W)));
typedef float vec_any __attribute__((vector_size(4 * W), aligned(4), may_alias));
typedef uint32_t uvec __attribute__((vector_size(4 * W)));
typedef int32_t ivec __attribute__((vector_size(4 * W)));
typedef uint16_t hvec __attribute__((vector_size(2 * W)));
typedef uint16_t hvec_any __attribute__((vector_size(2 * W), aligned(2), may_alias));

struct bf16 {
  uint16_t bits;
};

static inline vec load(const float* p) { return *(const vec_any*)p; }
static inline vec load(const bf16* p) {
  hvec h = *(const hvec_any*)p;
  return (vec)(__builtin_convertvector(h, uvec) << 16);
}
static inline void store(float* p, vec x) { *(vec_any*)p = x; }
static inline void store(bf16* p, vec x) {  // round to nearest, ties to even
  uvec u = (uvec)x;
  u = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  *(hvec_any*)p = __builtin_convertvector(u, hvec);
}
static inline float load1(const float* p) { return *p; }
static inline float load1(const bf16* p) {
  uint32_t u = (uint32_t)p->bits << 16;
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}
static inline vec all(float x) { return x - vec{}; }
static inline vec larger(vec a, vec b) { return a > b ? a : b; }
static inline float sum(vec x) {
  float total = 0;
  for (int i = 0; i < W; i++) total += x[i];
  return total;
}
static inline float largest(vec x) {
  float most = x[0];
  for (int i = 1; i < W; i++) most = x[i] > most ? x[i] : most;
  return most;
}

// exp(x) for x <= 88 to about 1e-7 relative; 0 below -87. Cody-Waite reduction, Taylor polynomial of degree 6.
static inline vec vexp(vec x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  vec n = (x * 1.44269504f + shift) - shift;
  vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
  vec p = all(1.0f / 720);
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  vec scale = (vec)((__builtin_convertvector(n, ivec) + 127) << 23);
  vec y = p * scale;
  return x > -87.0f ? y : vec{};
}
