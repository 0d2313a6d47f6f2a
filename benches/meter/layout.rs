//! Moves a module's code without changing what it does: where a loop lies in memory alone can change
//! its time by half.
//!
//! Two things are added. Functions that nobody calls, before the module's own, move those by what
//! functions are aligned to. Stores to globals that nobody reads, at the entry of functions with a
//! loop, move that loop within its function; the compiler may treat the function a little differently
//! for them, in all configurations alike. Small functions are spared, where a store would weigh.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, RoundtripReencoder, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, Module, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionBody, FunctionSectionReader,
    GlobalSectionReader, ImportSectionReader, Operator, Parser, Payload, TypeRef,
    TypeSectionReader,
};

/// A value that takes four bytes in any instruction.
const WIDE: i32 = 0x0123_4567;

/// How many bytes of WebAssembly a function has at least in which stores do not weigh.
const LARGE_BYTES: usize = 200;

/// The module in one of its layouts, of which the first is the module as it is.
pub fn layout(module: &[u8], number: usize) -> Vec<u8> {
    if number == 0 {
        return module.to_vec();
    }
    let number = u32::try_from(number).expect("few layouts");
    let mut layout = Layout {
        functions: number,
        stores: number - 1,
        ..Layout::default()
    };
    let mut moved = Module::new();
    layout
        .parse_core_module(&mut moved, Parser::new(0), module)
        .expect("the module is valid");
    moved.finish()
}

/// The module with the bodies of only `quarters` of every four functions; the others trap.
pub fn reduced(module: &[u8], quarters: u32) -> Vec<u8> {
    let mut reduced = Module::new();
    Reduction { quarters, next: 0 }
        .parse_core_module(&mut reduced, Parser::new(0), module)
        .expect("the module is valid");
    reduced.finish()
}

/// How many bytes a module's functions have.
pub fn function_bytes(module: &[u8]) -> usize {
    let bytes = |payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => body.range().len(),
        _ => 0,
    };
    Parser::new(0).parse_all(module).map(bytes).sum()
}

#[derive(Default)]
struct Layout {
    /// How many functions are added.
    functions: u32,
    /// How many stores are added to a large function with a loop: some 16 bytes each on x86-64. Each
    /// has a global of its own, since the compiler drops all stores to one but the last.
    stores: u32,
    types: u32,
    imported_functions: u32,
    globals: u32,
}

impl Reencode for Layout {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        Ok(match function < self.imported_functions {
            true => function,
            false => function + self.functions,
        })
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_type_section(self, types, section)?;
        self.types = types.len();
        types.ty().function([], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for import in section.clone().into_imports() {
            match import?.ty {
                TypeRef::Func(_) => self.imported_functions += 1,
                TypeRef::Global(_) => self.globals += 1,
                _ => {}
            }
        }
        utils::parse_import_section(self, imports, section)
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for _ in 0..self.functions {
            functions.function(self.types);
        }
        utils::parse_function_section(self, functions, section)
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_global_section(self, globals, section)?;
        self.globals += globals.len();
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        for _ in 0..self.stores {
            globals.global(ty, &ConstExpr::i32_const(0));
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for _ in 0..self.functions {
            let mut function = Function::new([]);
            function.instruction(&Instruction::End);
            code.function(&function);
        }
        utils::parse_code_section(self, code, section)
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        let has_loop = operators
            .clone()
            .into_iter()
            .any(|operator| matches!(operator, Ok(Operator::Loop { .. })));
        if has_loop && body.range().len() >= LARGE_BYTES {
            for (value, global) in (WIDE..).zip(self.globals..self.globals + self.stores) {
                function.instruction(&Instruction::I32Const(value));
                function.instruction(&Instruction::GlobalSet(global));
            }
        }
        while !operators.eof() {
            function.instruction(&self.parse_instruction(&mut operators)?);
        }
        code.function(&function);
        Ok(())
    }

    /// Names go, since they are those of other functions now.
    fn parse_custom_section(
        &mut self,
        _: &mut Module,
        _: CustomSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        Ok(())
    }
}

struct Reduction {
    quarters: u32,
    next: u32,
}

impl Reencode for Reduction {
    type Error = Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        self.next += 1;
        if self.next % 4 < self.quarters {
            return RoundtripReencoder.parse_function_body(code, body);
        }
        let mut function = Function::new([]);
        function.instruction(&Instruction::Unreachable);
        function.instruction(&Instruction::End);
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _: &mut Module,
        _: CustomSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        Ok(())
    }
}
