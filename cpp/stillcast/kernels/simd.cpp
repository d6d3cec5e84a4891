// The kernels with Google Highway, compiled once for each instruction set and chosen at run time.

// Windows and permutations want vectors of a known width.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#define HWY_WANT_AVX3_DL 1  // has to be asked for

#include "stillcast/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stillcast/kernels/simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if HWY_TARGET != HWY_SCALAR
#include "stillcast/kernels/pixels-inl.h"
#include "stillcast/kernels/rows-inl.h"
#include "stillcast/kernels/turn-inl.h"
#include "stillcast/kernels/weigh-inl.h"
#endif

HWY_BEFORE_NAMESPACE();
namespace stillcast {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR  // vectors of one lane

Kernels make_kernels() { return reference_kernels(); }

#else

Kernels make_kernels() {
  return {hwy::TargetName(HWY_TARGET),
          kWindow,
          sum_rows,
          sum_rows_fine,
          split,
          weigh_rows,
          weigh_source,
          average,
          convert_ycc,
          convert_rgb,
          sum_luma,
          transpose_block,
          reverse_row};
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace stillcast
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <vector>

namespace stillcast {

HWY_EXPORT(make_kernels);

const Kernels& best_kernels() noexcept {
  static const Kernels best = HWY_DYNAMIC_DISPATCH(make_kernels)();
  return best;
}

std::span<const Kernels> all_kernels() {
  static const std::vector<Kernels> all = [] {
    std::vector<Kernels> made;
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      made.push_back(HWY_DYNAMIC_DISPATCH(make_kernels)());
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return made;
  }();
  return all;
}

}  // namespace stillcast

#endif  // HWY_ONCE
