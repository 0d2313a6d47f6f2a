//! Owns what the machine's NVIDIA driver says of its GPUs, and loading NVIDIA's libraries from folders
//! that are set. Links nothing when built, and computes nothing.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::path::{Path, PathBuf};

use libloading::Library;

/// A GPU as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// The number under which settings name it.
    pub index: u32,
    /// Its name, `NVIDIA H200` for instance.
    pub name: String,
    /// Bytes of its memory.
    pub memory_bytes: u64,
}

/// What the driver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// The highest version of CUDA that it takes, `13.0` for instance.
    pub cuda_version: String,
    /// The GPUs, by their numbers.
    pub gpus: Vec<Gpu>,
}

/// The driver's library, by the names under which it is installed.
const DRIVER: [&str; 2] = ["libcuda.so.1", "libcuda.so"];

/// Libraries of CUDA and cuDNN that engines load by name, each after those that it needs itself.
const LIBRARIES: [&str; 15] = [
    "libcudart.so",
    "libnvJitLink.so",
    "libnvrtc.so",
    "libcublasLt.so",
    "libcublas.so",
    "libcurand.so",
    "libcufft.so",
    "libcudnn_graph.so",
    "libcudnn_ops.so",
    "libcudnn_heuristic.so",
    "libcudnn_adv.so",
    "libcudnn_cnn.so",
    "libcudnn_engines_precompiled.so",
    "libcudnn_engines_runtime_compiled.so",
    "libcudnn.so",
];

/// Most GPUs of one machine that are listed; the largest have 16.
const GPUS_MAX: u32 = 64;

/// Bytes for a GPU's name, which the driver ends with a zero.
const NAME_BYTES: u16 = 256;

type Init = unsafe extern "C" fn(c_uint) -> c_int;
type GetNumber = unsafe extern "C" fn(*mut c_int) -> c_int;
type GetDevice = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
type GetName = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
type GetMemory = unsafe extern "C" fn(*mut usize, c_int) -> c_int;

/// Asks the driver, which is loaded for it.
///
/// # Errors
/// In words when there is no driver, or it does not work: outside a machine with a GPU, always.
pub fn driver() -> Result<Driver, String> {
    let library = DRIVER
        .into_iter()
        // SAFETY: the driver's own library, by its fixed name, from the system's folders.
        .find_map(|name| unsafe { Library::new(name) }.ok())
        .ok_or("there is no NVIDIA driver: `libcuda.so.1` is not found")?;
    // SAFETY: the types above are those of CUDA's driver interface for these names.
    let (init, version, count) = unsafe {
        (
            symbol::<Init>(&library, b"cuInit\0")?,
            symbol::<GetNumber>(&library, b"cuDriverGetVersion\0")?,
            symbol::<GetNumber>(&library, b"cuDeviceGetCount\0")?,
        )
    };
    // SAFETY: cuInit takes 0, the others write one integer to the pointer.
    let (version, count) = unsafe {
        succeed("cuInit", init(0))?;
        let (mut of_driver, mut of_gpus) = (0, 0);
        succeed("cuDriverGetVersion", version(&raw mut of_driver))?;
        succeed("cuDeviceGetCount", count(&raw mut of_gpus))?;
        (of_driver, of_gpus)
    };
    let count = u32::try_from(count).unwrap_or(0).min(GPUS_MAX);
    Ok(Driver {
        cuda_version: format!(
            "{}.{}",
            version.div_euclid(1000),
            version.rem_euclid(1000).div_euclid(10)
        ),
        gpus: (0..count)
            .map(|index| gpu(&library, index))
            .collect::<Result<_, _>>()?,
    })
}

/// The GPU of this number.
///
/// # Errors
/// In words when the driver is missing, or has fewer GPUs.
pub(crate) fn find(index: u32) -> Result<Gpu, String> {
    let gpus = driver()?.gpus;
    let count = gpus.len();
    gpus.into_iter()
        .find(|gpu| gpu.index == index)
        .ok_or_else(|| format!("the driver sees {count} GPUs, counted from 0"))
}

fn gpu(library: &Library, index: u32) -> Result<Gpu, String> {
    // SAFETY: the types above are those of CUDA's driver interface for these names.
    let (device, name, memory) = unsafe {
        (
            symbol::<GetDevice>(library, b"cuDeviceGet\0")?,
            symbol::<GetName>(library, b"cuDeviceGetName\0")?,
            symbol::<GetMemory>(library, b"cuDeviceTotalMem_v2\0")?,
        )
    };
    let ordinal = c_int::try_from(index).map_err(|_| "too many GPUs")?;
    let mut handle = 0;
    let mut text = [0; NAME_BYTES as usize];
    let mut bytes = 0;
    // SAFETY: each call writes one value to its pointer; the name at most as many bytes as are there.
    unsafe {
        succeed("cuDeviceGet", device(&raw mut handle, ordinal))?;
        let name_bytes = c_int::from(NAME_BYTES);
        succeed(
            "cuDeviceGetName",
            name(text.as_mut_ptr(), name_bytes, handle),
        )?;
        succeed("cuDeviceTotalMem", memory(&raw mut bytes, handle))?;
    }
    let text: Vec<u8> = text.iter().map(|byte| byte.cast_unsigned()).collect();
    let name = CStr::from_bytes_until_nul(&text).map_err(|_| "a GPU's name does not end")?;
    Ok(Gpu {
        index,
        name: name.to_string_lossy().into_owned(),
        memory_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
    })
}

/// # Safety
/// `T` is the function's type.
unsafe fn symbol<T: Copy>(library: &Library, name: &[u8]) -> Result<T, String> {
    // SAFETY: the caller vouches for the type.
    let symbol = unsafe { library.get::<T>(name) };
    symbol.map(|symbol| *symbol).map_err(|_| {
        let name = String::from_utf8_lossy(name);
        format!(
            "the NVIDIA driver has no `{}`",
            name.trim_end_matches(char::from(0))
        )
    })
}

fn succeed(function: &str, result: c_int) -> Result<(), String> {
    match result {
        0 => Ok(()),
        100 => Err("the NVIDIA driver sees no GPU".to_owned()),
        other => Err(format!(
            "the NVIDIA driver's `{function}` fails with {other}"
        )),
    }
}

/// Loads what these folders have of NVIDIA's libraries, so that an engine that asks for one by its
/// name gets it from there. What no folder has is left to the system's own search.
///
/// # Errors
/// In words when a library is there and cannot be loaded.
pub(crate) fn preload(folders: &[PathBuf]) -> Result<(), String> {
    for name in LIBRARIES {
        let found = folders
            .iter()
            .find_map(|folder| highest(folder, name).map(|file| folder.join(file)));
        if let Some(path) = found {
            let flags = libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL;
            // SAFETY: the operator named the folder as one of libraries to run in this process.
            let library = unsafe { libloading::os::unix::Library::open(Some(&path), flags) }
                .map_err(|error| format!("{}: {error}", path.display()))?;
            // It must stay loaded for as long as an engine may ask for it: to the process's end.
            std::mem::forget(library);
        }
    }
    Ok(())
}

/// The file of this name with the highest single number after it: `libcudart.so.13`.
fn highest(folder: &Path, name: &str) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    files
        .filter_map(|file| {
            let file = file.file_name().into_string().ok()?;
            let number: u32 = file.strip_prefix(name)?.strip_prefix('.')?.parse().ok()?;
            Some((number, file))
        })
        .max()
        .map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_number_of_a_library_is_taken_and_no_other_name() {
        let folder = std::env::temp_dir().join(format!("meterbox-cuda-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for file in [
            "libcudart.so.12",
            "libcudart.so.13",
            "libcudart.so.13.0.96",
            "libcudart.so",
        ] {
            std::fs::write(folder.join(file), []).unwrap();
        }
        assert_eq!(
            highest(&folder, "libcudart.so").as_deref(),
            Some("libcudart.so.13")
        );
        assert_eq!(highest(&folder, "libcublas.so"), None);
        // An empty file is no library, and is said to be none rather than passed over.
        assert!(
            preload(std::slice::from_ref(&folder))
                .unwrap_err()
                .contains("libcudart.so.13")
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_machine_without_a_gpu_says_so() {
        match driver() {
            Ok(driver) => assert!(find(u32::MAX).is_err(), "{driver:?}"),
            Err(reason) => assert!(reason.contains("NVIDIA driver"), "{reason}"),
        }
    }
}
