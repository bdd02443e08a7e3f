import Foundation

/// This process in numbers, as Linux tells them.
package struct ProcessStatistics: Sendable {
    /// Resident memory, bytes.
    package var residentBytes = 0
    package var openDescriptors = 0
    /// User and system time, seconds.
    package var cpuSeconds = 0.0

    /// How many descriptors the process may have open.
    package static func descriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    package static func current() -> ProcessStatistics {
        var statistics = ProcessStatistics()
        if let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").dropFirst().first {
            statistics.residentBytes = (Int(pages) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
        }
        // The directory itself is open while it is read.
        statistics.openDescriptors = max(0, ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? 0) - 1)
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
            statistics.cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
        }
        return statistics
    }
}
