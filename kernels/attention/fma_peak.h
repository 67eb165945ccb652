// The processor's multiply-add peak, measured: what kernels are held against in benchmarks.
#ifndef STRATA_KERNELS_ATTENTION_FMA_PEAK_H_
#define STRATA_KERNELS_ATTENTION_FMA_PEAK_H_

namespace strata::kernels {

// Float32 operations a second of one thread on registers alone (two for a multiply-add), on the
// target in use. Takes some 50 ms.
double MeasureFmaPeak();

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ATTENTION_FMA_PEAK_H_
